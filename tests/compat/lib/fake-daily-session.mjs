// Somebody in a room of the fake Daily, with the rights that their token and what was said since give them.
import { randomUUID } from 'node:crypto';

export class Session {
  out = null;
  leftAt = Infinity;

  constructor(daily, room, claims, permissions) {
    this.id = randomUUID();
    this.joinedAt = Date.now();
    Object.assign(this, { daily, room: room.name, claims, permissions, userId: claims.ud ?? this.id, name: claims.u ?? '' });
    this.owner = claims.o === true;
    this.screen = claims.ss ?? true;
    const own = claims.ejt !== undefined || claims.eje !== undefined;
    this.willEjectAt = !own && room.config.eject_at_room_exp ? room.config.exp : null;
  }

  get role() {
    if (this.owner) return 'host';
    return this.rights.moderate ? 'co-host' : 'participant';
  }

  get rights() {
    const { canSend, canAdmin } = this.permissions;
    const may = (...kinds) => this.owner || canSend === true || kinds.every((kind) => [canSend].flat().includes(kind));
    return {
      publishAudio: may('audio'),
      publishVideo: may('video'),
      publishScreen: this.screen && may('screenVideo'),
      moderate: this.owner || canAdmin === true || [canAdmin].flat().includes('participants'),
      record: this.owner && this.claims.er !== undefined,
    };
  }

  leave(why = 'left') {
    if (this.out !== null) return;
    Object.assign(this, { out: why, leftAt: Date.now() });
    this.daily.emptied(this.room);
  }
}
