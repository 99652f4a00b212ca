//! Ids of the audit's rows.

use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Makes UUIDs of version 7, each greater than the one before, even when the clock is set back.
///
/// Behind the time stand a running number of 42 bits and 32 bits that tell processes apart; fresh
/// random bits for each row would cost a system call.
#[derive(Debug)]
pub(in crate::db) struct AuditIds {
    latest: u64,
    number: u64,
    process: u64,
}

const VERSION: u64 = 0x7000;
const VARIANT: u64 = 1 << 63;

impl AuditIds {
    /// Ids that no other process makes.
    pub(in crate::db) fn new() -> Self {
        let (_, random) = Uuid::new_v4().as_u64_pair();
        Self {
            latest: 0,
            number: 0,
            process: random & 0xffff_ffff,
        }
    }

    /// The next id, for something that is written `now`.
    pub(super) fn next(&mut self, now: Timestamp) -> String {
        self.latest = self.latest.max(now.0);
        self.number = self.number.wrapping_add(1);
        let high = (self.latest << 16) | VERSION | ((self.number >> 30) & 0xfff);
        let low = VARIANT | ((self.number & 0x3fff_ffff) << 32) | self.process;
        Uuid::from_u64_pair(high, low).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_are_version_7() {
        let mut ids = AuditIds::new();
        ids.number = (1 << 30) - 3;
        let moments = [5, 5, 6, 4, 4, 7, 7].map(|ms| Timestamp(1_800_000_000_000 + ms));
        let made: Vec<String> = moments.into_iter().map(|now| ids.next(now)).collect();
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        for (id, now) in made.iter().zip(moments) {
            let id = Uuid::parse_str(id).unwrap();
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            let (seconds, _) = id.get_timestamp().unwrap().to_unix();
            assert_eq!(seconds, now.0 / 1000);
        }
    }
}
