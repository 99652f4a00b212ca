// What must hold, from the fault table and the contract. USHER_CHAOS_SLACK stretches all of
// them on a machine that is busy with something else; a verdict that counts is one at 1.

export const SLACK = Number(process.env.USHER_CHAOS_SLACK ?? 1);
const ms = (value) => Math.round(value * SLACK);

/** People of a dead node are shown as reconnecting. */
export const RECONNECTING_MS = ms(5_000);
/** They are gone, with the default grace of 20 s. */
export const GONE_MS = ms(30_000);
/** The lease: from the last beat to the verdict that a node is dead. */
export const LEASE_MS = ms(5_000);
/** All views equal the authority after the end of a fault. */
export const HEAL_MS = ms(5_000);
/** After a pause of Redis, or resets. */
export const QUICK_HEAL_MS = ms(3_000);
/** Without a fault. */
export const CALM_MS = ms(2_000);
/** A mutation is refused when Redis is out of reach. */
export const REFUSE_MS = ms(1_500);
/** A feed that has gone silent is noticed. */
export const SILENCE_MS = ms(6_000);
/** Rooms are back after Redis came back empty. */
export const REBUILD_MS = ms(5_000);
/** From SIGTERM to the exit. */
export const DRAIN_MS = ms(30_000);
/** A lost last event is found by comparing positions. */
export const ANTI_ENTROPY_MS = ms(20_000);
/** When more than half of the nodes died, sweeping waits until it is clear who lives. */
export const SUSPENDED_GONE_MS = ms(65_000);
/** An ended room leaves no key. */
export const NO_KEYS_MS = ms(60_000);
