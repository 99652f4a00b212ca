//! What a room's members were told lately, for those who come back and had missed some of it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::parcel::{Parcel, Piece};
use crate::domain::id::{Epoch, Position, Revision, UserId};
use crate::domain::room::Room;
use crate::protocol::delta::{Resumed, SnapshotReason};
use crate::protocol::message::Line;
use crate::protocol::render::Rendered;

/// How much of a room's past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastLimits {
    /// Commits.
    pub commits: usize,
    /// Bytes of all messages.
    pub bytes: usize,
}

/// One commit as members were told of it.
#[derive(Debug)]
struct Told {
    rev: Revision,
    lines: Vec<Line>,
    /// Who came or went with it.
    moved: Vec<UserId>,
    bytes: usize,
}

impl Told {
    fn of(rev: Revision, rendered: &Rendered) -> Self {
        // Who comes back and says what they have seen is spoken to in the delta dialect.
        let lines: Vec<Line> = rendered.lines.iter().map(Line::in_delta).collect();
        let length = |line: &Line| line.delta.as_ref().map_or(0, |it| it.payload.len());
        let bytes = |line: &Line| length(line).saturating_add(64);
        Self {
            rev,
            moved: [&rendered.entered[..], &rendered.departed[..]].concat(),
            bytes: lines.iter().map(bytes).sum(),
            lines,
        }
    }
}

/// The last commits of one room on this node, without a hole.
#[derive(Debug)]
pub(super) struct Past {
    epoch: Epoch,
    told: VecDeque<Told>,
    bytes: usize,
    limits: PastLimits,
}

impl Past {
    pub(super) const fn new(limits: PastLimits) -> Self {
        Self {
            epoch: Epoch(0),
            told: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    /// Members were told of the commit that made `room` what it is.
    pub(super) fn note(&mut self, room: &Room, rendered: &Rendered) {
        let next = self.told.back().map(|told| told.rev.saturating_add(1));
        if self.epoch != room.epoch || next.is_some_and(|next| next != room.rev) {
            self.forget();
            self.epoch = room.epoch;
        }
        self.keep(Told::of(room.rev, rendered));
    }

    /// What was told before this node had the room, up to what `room` is now.
    pub(super) fn recall(&mut self, room: &Room, recalled: &[(Revision, Rendered)]) {
        if recalled.last().is_none_or(|(rev, _)| *rev != room.rev) {
            return;
        }
        self.forget();
        self.epoch = room.epoch;
        for (rev, rendered) in recalled {
            self.keep(Told::of(*rev, rendered));
        }
    }

    fn keep(&mut self, told: Told) {
        self.bytes = self.bytes.saturating_add(told.bytes);
        self.told.push_back(told);
        while self.told.len() > self.limits.commits || self.bytes > self.limits.bytes {
            let Some(oldest) = self.told.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }

    /// The room was shown whole: what was told before no longer leads to what is.
    pub(super) fn forget(&mut self) {
        self.told.clear();
        self.bytes = 0;
    }

    /// What a member has missed who has seen the room up to there, or why that cannot be told.
    pub(super) fn since(
        &self,
        room: &Room,
        user: &UserId,
        seen: Position,
        stayed: bool,
    ) -> (Resumed, Parcel) {
        let whole = |reason| (Resumed::Snapshot(reason), Parcel::default());
        if seen.epoch != room.epoch {
            return whole(SnapshotReason::EpochChanged);
        }
        if seen.rev > room.rev {
            return whole(SnapshotReason::Ahead);
        }
        let missed = || self.told.iter().filter(|told| told.rev > seen.rev);
        if !stayed || missed().any(|told| told.moved.contains(user)) {
            return whole(SnapshotReason::Left);
        }
        let needed = room.rev.saturating_sub(seen.rev);
        let held = if self.epoch == room.epoch {
            missed().count()
        } else {
            0
        };
        if u64::try_from(held).unwrap_or(u64::MAX) < needed {
            return whole(SnapshotReason::LogGone);
        }
        let mut parcel = Parcel::default();
        for line in missed().flat_map(|told| &told.lines) {
            if let Some(message) = line.delta.as_ref().filter(|_| line.is_missed_by(user)) {
                parcel.push(Piece::Event(Arc::clone(message)));
            }
        }
        match parcel.pieces().len() {
            0 => (Resumed::NothingMissed, parcel),
            events => (Resumed::Replayed(events), parcel),
        }
    }
}
