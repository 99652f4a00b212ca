//! Which numbers an option accepts: one row for every option that is a number.

use std::ops::RangeInclusive;

const KIB: i128 = 1024;
const MIB: i128 = 1024 * KIB;
const SECOND: i128 = 1000;
const HOUR: i128 = 3600 * SECOND;
const DAY: i128 = 24 * HOUR;

/// Smallest and largest value of each numeric option. The bounds keep out what cannot work and what
/// is surely a slip of the keyboard, not what is merely unwise.
pub(super) static RANGES: &[(&str, RangeInclusive<i128>)] = &[
    ("http.threads", 0..=1024),
    ("http.max_connections", 1..=10_000_000),
    ("http.max_connections_per_ip", 1..=10_000_000),
    ("http.header_timeout_ms", 10..=HOUR),
    ("http.body_timeout_ms", 10..=HOUR),
    ("http.max_body_bytes", KIB..=64 * MIB),
    ("http.shutdown_timeout_ms", 0..=HOUR),
    ("http.drain_ms", 0..=HOUR),
    ("socket.ping_interval_ms", 10..=HOUR),
    ("socket.ping_timeout_ms", 10..=HOUR),
    ("socket.connect_timeout_ms", 10..=HOUR),
    ("socket.max_message_bytes", KIB..=64 * MIB),
    ("socket.max_packets_queued", 1..=65_536),
    ("socket.send_queue_bytes", KIB..=KIB * MIB),
    ("socket.slow_consumer_timeout_ms", 10..=HOUR),
    ("socket.commands_in_flight", 1..=65_536),
    ("socket.max_connections_per_user", 1..=1_000_000),
    ("socket.max_rooms_per_connection", 1..=1024),
    ("socket.list_interval_ms", 1..=1_000),
    ("socket.list_bytes_per_second", 0..=1024 * MIB),
    ("socket.recovery_window_secs", 0..=3600),
    ("socket.recovery_sessions", 1..=10_000_000),
    ("auth.leeway_secs", 0..=300),
    ("auth.max_lifetime_secs", 1..=DAY),
    ("auth.expiry_warning_secs", 0..=3600),
    ("auth.expiry_grace_secs", 0..=3600),
    ("auth.jwks_fresh_min_secs", 0..=86_400),
    ("auth.jwks_fresh_max_secs", 0..=86_400),
    ("auth.jwks_stale_secs", 0..=30 * 86_400),
    ("auth.jwks_retry_secs", 1..=3600),
    ("auth.jwks_timeout_ms", 10..=60 * SECOND),
    ("auth.jwks_max_bytes", KIB..=MIB),
    ("database.max_connections", 1..=1024),
    ("database.acquire_timeout_ms", 10..=HOUR),
    ("database.write_window_ms", 0..=SECOND),
    ("database.write_batch", 1..=2_048),
    ("database.write_queue", 1..=1_000_000),
    ("database.meeting_cache", 0..=10_000_000),
    ("database.meeting_cache_ttl_ms", 0..=DAY),
    ("store.takeover_timeout_ms", 0..=HOUR),
    ("store.connect_timeout_ms", 10..=HOUR),
    ("store.command_timeout_ms", 10..=HOUR),
    ("store.feed_length", 1..=65_536),
    ("store.lease_ms", 100..=HOUR),
    ("store.position_check_ms", 10..=HOUR),
    ("presence.leave_after_lost_ms", 0..=HOUR),
    ("presence.leave_after_close_ms", 0..=HOUR),
    ("rooms.role_grace_ms", 0..=DAY),
    ("rooms.max_participants", 1..=100_000),
    ("rooms.max_connections_per_participant", 1..=1024),
    ("rooms.queue", 1..=1_000_000),
    ("rooms.commands_per_commit", 1..=65_536),
    ("rooms.log_length", 1..=100_000),
    ("rooms.idle_close_ms", 0..=DAY),
    ("rooms.max_waiting", 1..=100_000),
    ("rooms.denied_cooldown_ms", 0..=HOUR),
    ("rooms.passcode_attempts_per_user", 1..=10_000),
    ("rooms.passcode_attempts_per_network", 1..=10_000),
    ("rooms.passcode_attempts_per_meeting", 1..=10_000),
    ("rooms.passcode_window_ms", SECOND..=DAY),
    ("rooms.passcode_hashes", 1..=64),
    ("rooms.max_duration_ms", 0..=30 * DAY),
    ("rooms.ending_warning_ms", 0..=DAY),
    ("rooms.empty_timeout_ms", 0..=30 * DAY),
    ("rooms.chat_history", 0..=10_000),
    ("rooms.reactions_per_message", 0..=10_000),
    ("rooms.remembered", 0..=100_000),
    ("rooms.resume_bytes", 0..=64 * MIB),
    ("providers.token_lifetime_ms", 600 * SECOND..=HOUR),
    ("providers.join_budget_ms", 0..=60 * SECOND),
    ("providers.request_timeout_ms", 10..=60 * SECOND),
    ("providers.retry_min_ms", 10..=HOUR),
    ("providers.retry_max_ms", 10..=HOUR),
    ("providers.breaker_failures", 1..=10_000),
    ("providers.breaker_pause_ms", 10..=HOUR),
    ("providers.requests_at_once", 1..=1024),
    ("providers.sync_poll_ms", 10..=HOUR),
    ("providers.sync_batch", 1..=1024),
    ("providers.sync_lease_ms", 100..=HOUR),
    ("providers.sync_give_up_ms", 60 * SECOND..=30 * DAY),
    ("providers.webhook_tolerance_secs", 1..=3600),
    ("daily.room_lifetime_ms", HOUR..=30 * DAY),
    ("limits.name_chars", 1..=1024),
    ("limits.image_url_bytes", 16..=16 * KIB),
    ("limits.description_chars", 0..=100_000),
    ("limits.message_bytes", 1..=16 * MIB),
    ("limits.signal_bytes", 1..=16 * MIB),
    ("limits.page_size_max", 1..=1000),
    ("rates.counted", 1..=10_000_000),
    ("security.window_ms", 10..=HOUR),
    ("security.sorts", 1..=10_000),
    ("security.keep_days", 1..=3_650),
];

/// What the option `key` accepts; nothing when it is not a number.
pub(super) fn range_of(key: &str) -> Option<&'static RangeInclusive<i128>> {
    RANGES
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, range)| range)
}
