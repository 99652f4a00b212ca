//! Chance that repeats: a number is the seed of a command.

use usher::domain::chat::{MessageMark, Opaque};
use usher::domain::id::{ConnectionId, NodeId};
use usher::domain::participant::MediaKind;
use usher::domain::passcode::{Network, PasscodeHash};
use usher::domain::policy::AccessChange;
use usher::domain::refusal::RoleChange;
use usher::domain::role::Role;
use usher::domain::room::{Actor, Command, MuteTarget};

use super::people::{acting, change_role, join, leave, lose, mute, user};

const NAMES: [&str; 6] = ["ann", "bob", "cy", "dee", "eve", "fay"];

/// `SplitMix64`: small, and good enough for dice.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) const fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.throw() % end
    }

    /// One of six people, with the connections that they have through this node.
    fn somebody(&mut self, node: NodeId) -> (&'static str, ConnectionId) {
        let index = usize::try_from(self.below(6)).unwrap();
        let place = u64::try_from(index).unwrap();
        let connection = ConnectionId(node.0 * 10_000 + place * 100 + self.below(3));
        (NAMES[index], connection)
    }

    /// What somebody might ask of a room through this node: anything but its end.
    pub(crate) fn command(&mut self, node: NodeId) -> (Actor, Command) {
        let (name, connection) = self.somebody(node);
        match self.below(34) {
            0..=5 => (acting(name), join(name, connection, node)),
            6..=7 => (Actor::System, leave(connection)),
            8 => (Actor::System, lose(connection)),
            9..=16 => {
                let role = if self.below(2) == 0 {
                    Role::Host
                } else {
                    Role::CoHost
                };
                let change = RoleChange {
                    role,
                    grant: self.below(3) > 0,
                };
                let (target, _) = self.somebody(node);
                (acting(name), change_role(target, change))
            }
            17..=18 => (acting(name), mute(self.below(2) == 0)),
            19 => (Actor::System, Command::Expire),
            20..=23 => (acting(name), self.switch()),
            _ => (acting(name), self.order(node)),
        }
    }

    /// Who may come in.
    fn switch(&mut self) -> Command {
        let on = self.below(2) == 0;
        let passcode = PasscodeHash::new(if on { "one hash" } else { "another" });
        let change = match self.below(4) {
            0 | 1 => AccessChange {
                lobby: Some(on),
                ..AccessChange::default()
            },
            2 => AccessChange {
                locked: Some(on),
                ..AccessChange::default()
            },
            _ => AccessChange {
                passcode: Some(on.then_some(passcode)),
                ..AccessChange::default()
            },
        };
        Command::UpdateAccess {
            change,
            passcode: None,
        }
    }

    /// What a moderator may want of somebody, and what anybody may send.
    fn order(&mut self, node: NodeId) -> Command {
        let (name, _) = self.somebody(node);
        let target = user(name);
        let kind = MediaKind::Audio;
        match self.below(13) {
            8 => Command::AskToUnmute {
                target: MuteTarget::All,
                kind,
            },
            9 => Command::MarkMessage {
                key: Opaque::from_json("1"),
                mark: MessageMark::Reacted {
                    emoji: "+".into(),
                    added: true,
                },
                via: None,
            },
            0 => Command::Mute {
                target: MuteTarget::One(target),
                kind,
                lock: true,
            },
            1 => Command::Mute {
                target: MuteTarget::All,
                kind,
                lock: true,
            },
            2 => Command::Remove { target, ban: false },
            3 => Command::Remove { target, ban: true },
            4 => Command::Unban { target },
            5 => Command::Admit { target },
            6 => Command::Deny { target },
            7 => Command::NoteFailure {
                user: target,
                network: Some(Network::new("10.0.0.1")),
            },
            _ => Command::SendMessage {
                message: Opaque::from_json(&format!("{{\"n\":{}}}", self.below(1_000))),
                key: Some(Opaque::from_json("1")),
                via: None,
            },
        }
    }
}
