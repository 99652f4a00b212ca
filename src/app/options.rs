//! From the settings to what each part takes.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::providers;
use crate::config::{self, Config, RateSetting, RatesConfig};
use crate::db::DbOptions;
use crate::domain::passcode::AttemptLimits;
use crate::domain::policy::{Access, DevicePolicy, Memory, RoomPolicy, Schedule, UncreatedRooms};
use crate::domain::rate::Rate;
use crate::engine::keeping::KeepingLimits;
use crate::engine::limits::EngineLimits;
use crate::engine::rates::{Counted, Limits};
use crate::engine::security::SecurityLimits;
use crate::engine::sweeping::SweepTimes;
use crate::http::HttpLimits;
use crate::http::browsers::Origins;
use crate::net::Occupancy;
use crate::protocol::request::PayloadLimits;
use crate::serve::ServeLimits;
use crate::socket::expiry::ExpiryTimes;
use crate::socket::hub::SocketLimits;
use crate::socket::listing::ListLimits;
use crate::socket::past::PastLimits;

pub(super) fn expiry_times(config: &Config) -> ExpiryTimes {
    ExpiryTimes {
        warning: config.auth.expiry_warning(),
        // A token within the leeway was let in: its owner is not sent away at once.
        grace: config.auth.expiry_grace().max(config.auth.leeway()),
    }
}

pub(super) const fn sweep_times(config: &Config) -> SweepTimes {
    SweepTimes {
        beat: config.store.beat(),
        lease: config.store.lease(),
        position_check: config.store.position_check(),
    }
}

pub(super) fn serve_limits(config: &Config) -> ServeLimits {
    ServeLimits {
        header_timeout: config.http.header_timeout(),
        body_timeout: config.http.body_timeout(),
        message_bytes: config.socket.max_message_bytes,
        send_queue_bytes: config.socket.send_queue_bytes,
        connections: Arc::new(Semaphore::new(config.http.max_connections)),
        of_address: Occupancy::new(config.http.max_connections_per_ip),
    }
}

/// Without a key a page of another site could act as anybody: a loopback address keeps other machines
/// out, not other pages.
pub(super) fn origins(config: &Config) -> Origins {
    let local_only = !config.auth.verifies() && !config.http.allow_unauthenticated_public;
    Origins::new(config.http.origins(), local_only)
}

/// How the database is reached.
#[must_use]
pub fn db_options(config: &Config) -> DbOptions {
    let database = &config.database;
    DbOptions {
        url: database.url.clone(),
        max_connections: database.max_connections,
        acquire_timeout: database.acquire_timeout(),
        write_window: database.write_window(),
        write_batch: database.write_batch,
        write_queue: database.write_queue,
        // What another node changes has to be seen at once, the end of a meeting above all.
        meeting_cache: if config.store.redis_url.is_some() {
            0
        } else {
            database.meeting_cache
        },
        meeting_cache_ttl: database.meeting_cache_ttl(),
        sqlite_full_sync: database.sqlite_synchronous == config::SqliteSynchronous::Full,
    }
}

pub(super) fn room_policy(config: &Config) -> RoomPolicy {
    RoomPolicy {
        uncreated: match config.rooms.uncreated {
            config::UncreatedRooms::Allow => UncreatedRooms::Allow,
            config::UncreatedRooms::Deny => UncreatedRooms::Deny,
            config::UncreatedRooms::FirstJoinerHosts => UncreatedRooms::FirstJoinerHosts,
        },
        devices: match config.rooms.devices {
            config::DevicePolicy::Multiple => DevicePolicy::Multiple,
            config::DevicePolicy::NewestWins => DevicePolicy::NewestWins,
            config::DevicePolicy::RejectNew => DevicePolicy::RejectNew,
        },
        leave_after_lost: config.presence.leave_after_lost(),
        leave_after_close: config.presence.leave_after_close(),
        role_grace: config.rooms.role_grace(),
        max_participants: config.rooms.max_participants,
        seat_limit: config.rooms.max_participants,
        max_connections_per_participant: config.rooms.max_connections_per_participant,
        access: Access::default(),
        max_waiting: config.rooms.max_waiting,
        admit_on_host_join: config.rooms.admit_on_host_join,
        denied_cooldown: config.rooms.denied_cooldown(),
        attempts: AttemptLimits {
            per_user: config.rooms.passcode_attempts_per_user,
            per_network: config.rooms.passcode_attempts_per_network,
            per_meeting: config.rooms.passcode_attempts_per_meeting,
            window: config.rooms.passcode_window(),
        },
        schedule: Schedule {
            not_before: None,
            not_after: None,
            max_duration: config.rooms.max_duration(),
            empty_timeout: config.rooms.empty_timeout(),
            warning: config.rooms.ending_warning(),
        },
        memory: Memory {
            messages: config.rooms.chat_history,
            absent: config.rooms.remembered,
            reactions: config.rooms.reactions_per_message,
        },
        provider: providers::provider(config.providers.default),
        ticket_lifetime: config.providers.token_lifetime(),
    }
}

pub(super) fn engine_limits(config: &Config) -> EngineLimits {
    EngineLimits {
        room_queue: config.rooms.queue,
        batch: config.rooms.commands_per_commit,
        idle_close: config.rooms.idle_close(),
        ticket_budget: config.providers.join_budget(),
    }
}

pub(super) fn socket_limits(config: &Config) -> SocketLimits {
    SocketLimits {
        commands_per_connection: rate(config.rates.commands_per_connection),
        connections_per_user: config.socket.max_connections_per_user,
        connections_per_network: config.http.max_connections_per_ip,
        commands_in_flight: config.socket.commands_in_flight,
        rooms_per_connection: config.socket.max_rooms_per_connection,
        send_queue_bytes: config.socket.send_queue_bytes,
        slow_consumer_timeout: config.socket.slow_consumer_timeout(),
        connect_timeout: config.socket.connect_timeout(),
        payload: PayloadLimits {
            name_chars: config.limits.name_chars,
            image_url_bytes: config.limits.image_url_bytes,
            message_bytes: config.limits.message_bytes,
            signal_bytes: config.limits.signal_bytes,
        },
        past: PastLimits {
            commits: config.rooms.log_length,
            bytes: config.rooms.resume_bytes,
        },
        lists: ListLimits {
            interval: config.socket.list_interval(),
            bytes_per_second: config.socket.list_bytes_per_second,
        },
    }
}

/// How sessions are kept; `None` when they are not.
pub(super) fn keeping_limits(config: &Config) -> Option<KeepingLimits> {
    Some(KeepingLimits {
        window: config.socket.recovery_window()?,
        away: config.socket.recovery_sessions,
        beat: config.store.beat(),
    })
}

pub(super) const fn http_limits(config: &Config) -> HttpLimits {
    HttpLimits {
        body_timeout: config.http.body_timeout(),
        body_bytes: config.http.max_body_bytes,
        name_chars: config.limits.name_chars,
        description_chars: config.limits.description_chars,
        page_size: config.limits.page_size_max,
    }
}

fn rate(setting: RateSetting) -> Option<Rate> {
    setting.0.map(|(count, period)| Rate { count, period })
}

pub(super) fn rate_limits(config: &Config) -> HashMap<Counted, Limits> {
    let RatesConfig {
        commands_per_connection: _,
        commands_per_user,
        commands_per_tenant,
        joins_per_user,
        joins_per_tenant,
        connects_per_user,
        connects_per_ip,
        connects_per_tenant,
        requests_per_user,
        requests_per_service,
        requests_per_ip,
        requests_per_tenant,
        creations_per_user,
        refused_tokens_per_ip,
        counted: _,
    } = config.rates;
    let off = RateSetting(None);
    let limits = |user, network, tenant| Limits {
        user: rate(user),
        service: None,
        network: rate(network),
        tenant: rate(tenant),
    };
    let commands = limits(commands_per_user, off, commands_per_tenant);
    let joins = limits(joins_per_user, off, joins_per_tenant);
    let connects = limits(connects_per_user, connects_per_ip, connects_per_tenant);
    let requests = Limits {
        service: rate(requests_per_service),
        ..limits(requests_per_user, requests_per_ip, requests_per_tenant)
    };
    HashMap::from([
        (Counted::Command, commands),
        (Counted::Join, joins),
        (Counted::Connect, connects),
        (Counted::Request, requests),
        (Counted::Creation, limits(creations_per_user, off, off)),
        (
            Counted::RefusedToken,
            limits(off, refused_tokens_per_ip, off),
        ),
    ])
}

pub(super) const fn security_limits(config: &Config) -> SecurityLimits {
    SecurityLimits {
        window: config.security.window(),
        sorts: config.security.sorts,
        keep: config.security.keep(),
    }
}
