use super::*;

mod daily;
mod livekit;

const SECS: u64 = 1_800_000_000;
const NOW: Timestamp = Timestamp(SECS * 1_000);
