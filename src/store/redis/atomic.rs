//! Tests: a failure at any call inside the append script changes nothing or everything.

use redis::{Client, Script, Value};

use super::codec::{self, Change};
use super::keys::{Keys, RoomKeys, room_from};
use crate::domain::grant::Grants;
use crate::domain::id::{CommitId, ConnectionId, Epoch, NodeId, UserId};
use crate::domain::participant::{MediaChanges, Profile};
use crate::domain::policy::RoomPolicy;
use crate::domain::refusal::RoleChange;
use crate::domain::role::Role;
use crate::domain::room::state::Authority;
use crate::domain::room::{Actor, Command, Commit, Draft, Join, Room};
use crate::domain::time::Timestamp;

const APPEND: &str = concat!(include_str!("missed.lua"), include_str!("append.lua"));

/// The script, whose n-th call of Redis fails.
fn failing_at(n: usize) -> Script {
    let shim = format!(
        "local calls, real = 0, redis \
         local function fails() calls = calls + 1 return calls == {n} end \
         local redis = {{ \
           call = function(...) if fails() then error('injected') end return real.call(...) end, \
           pcall = function(...) if fails() then return {{err = 'injected'}} end \
             return real.pcall(...) end, \
           error_reply = real.error_reply }}\n"
    );
    Script::new(&(shim + APPEND))
}

struct Bench {
    connection: redis::Connection,
    keys: RoomKeys,
}

type Stored = (Vec<(Vec<u8>, Vec<u8>)>, Value);

impl Bench {
    fn new() -> Self {
        let url = std::env::var("USHER_TEST_REDIS_URL").expect("USHER_TEST_REDIS_URL is not set");
        let connection = Client::open(url).unwrap().get_connection().unwrap();
        let prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        let keys = Keys::new(&prefix).room(&room_from("default/r").unwrap());
        Self { connection, keys }
    }

    fn holds(&mut self, room: &Room) {
        let mut clear = redis::cmd("DEL");
        clear
            .arg(&self.keys.state)
            .arg(&self.keys.log)
            .arg(&self.keys.nodes);
        clear.exec(&mut self.connection).unwrap();
        let mut set = redis::cmd("HSET");
        set.arg(&self.keys.state).arg(codec::fields(room).unwrap());
        set.arg("server").arg("run");
        set.exec(&mut self.connection).unwrap();
    }

    fn appends(&mut self, script: &Script, commit: &Commit, after: &Room) -> bool {
        let change = Change::of(commit, after).unwrap();
        let mut call = script.prepare_invoke();
        call.key(&self.keys.state).key(&self.keys.log);
        call.arg(codec::epoch_text(commit.epoch));
        call.arg(codec::head_text(commit.parent)).arg(commit.rev);
        call.arg(codec::id_text(commit.id)).arg(8).arg("run");
        call.arg(&self.keys.feed)
            .arg(1)
            .arg(codec::commit_bytes(commit).unwrap());
        call.arg(change.set.len())
            .arg(change.set)
            .arg(change.removed);
        call.invoke::<Value>(&mut self.connection).is_ok()
    }

    fn fields(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut get = redis::cmd("HGETALL");
        get.arg(&self.keys.state);
        let mut fields: Vec<_> = get.query(&mut self.connection).unwrap();
        fields.sort();
        fields
    }

    fn stored(&mut self) -> Stored {
        let fields = self.fields();
        let mut range = redis::cmd("XRANGE");
        range.arg(&self.keys.log).arg("-").arg("+");
        (fields, range.query(&mut self.connection).unwrap())
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn joins(name: &str, connection: u64) -> Command {
    Command::Join(Box::new(Join {
        user: user(name),
        connection: ConnectionId(connection),
        node: NodeId(1),
        profile: Profile {
            name: name.into(),
            image_url: None,
        },
        media: MediaChanges::default(),
        network: None,
        passcode: None,
        returning: None,
    }))
}

/// Commits that between them set fields, remove fields and change grants.
fn history() -> Vec<(Commit, Room)> {
    let authority = Authority {
        record_version: Timestamp::default(),
        creator: Some(user("ann")),
        grants: Grants::default(),
        ended: false,
    };
    let key = room_from("default/r").unwrap();
    let mut room = Room::new(key, Epoch(7), RoomPolicy::default(), authority);
    let make_host = Command::ChangeRole {
        target: user("bob"),
        change: RoleChange {
            role: Role::Host,
            grant: true,
        },
    };
    let leave = Command::Leave {
        connection: ConnectionId(2),
    };
    let steps = [joins("ann", 1), joins("bob", 2), make_host, leave];
    let mut history = Vec::new();
    for (number, command) in (1..).zip(steps) {
        let actor = Actor::User(user("ann"));
        let mut draft = Draft::of(&room);
        draft.execute(&actor, &command, Timestamp(1)).unwrap();
        let id = CommitId {
            node: NodeId(1),
            number,
        };
        let (commit, after) = draft.into_commit(id, Timestamp(1)).unwrap();
        history.push((commit, room));
        room = after;
    }
    history.push((history[0].0.clone(), room));
    history
}

#[test]
fn a_failure_at_any_call_changes_nothing_or_everything() {
    let mut bench = Bench::new();
    let whole = Script::new(APPEND);
    let history = history();
    for pair in history.windows(2) {
        let [(commit, before), (_, after)] = pair else {
            unreachable!("windows of two")
        };
        bench.holds(before);
        let untouched = bench.stored();
        assert!(bench.appends(&whole, commit, after));
        let done = bench.stored();
        assert_ne!(untouched, done);
        let mut failures = 0;
        for n in 1..50 {
            bench.holds(before);
            let accepted = bench.appends(&failing_at(n), commit, after);
            let now = bench.stored();
            let expected = if accepted { &done } else { &untouched };
            assert_eq!(&now, expected, "call {n} of {:?}", commit.events);
            failures += usize::from(!accepted);
            // What failed can be done again.
            assert!(bench.appends(&whole, commit, after), "call {n}");
            assert_eq!(bench.stored(), done, "call {n}");
        }
        assert!(failures >= 3, "only {failures} calls could fail");
    }
}

#[test]
fn a_key_of_another_type_is_found_out_before_the_first_write() {
    let mut bench = Bench::new();
    let history = history();
    let (commit, before) = &history[0];
    let after = &history[1].1;
    bench.holds(before);
    let mut plant = redis::cmd("SET");
    plant.arg(&bench.keys.log).arg("planted");
    plant.exec(&mut bench.connection).unwrap();
    let untouched = bench.fields();
    assert!(!bench.appends(&Script::new(APPEND), commit, after));
    assert_eq!(bench.fields(), untouched);
}
