//! How many tickets a second of a processor issues, of each kind that is signed here.
//!
//!   cargo bench --bench tickets -- [SECONDS]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::as_conversions,
    reason = "a measurement: whatever fails ends it, and its figures are for people"
)]

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use usher::clock::{Clock, SystemClock};
use usher::domain::id::{RoomId, RoomKey, TenantId, UserId};
use usher::domain::role::{Rank, Role};
use usher::domain::ticket::{Entitlement, Provider, Rights};
use usher::engine::tickets::{Issuing, TicketIssuer};
use usher::providers::daily;
use usher::providers::jitsi::{Jitsi, JitsiServer};
use usher::providers::livekit::{Administrators, LiveKit};
use usher::providers::livekit_api::LiveKitApi;
use usher::providers::mesh::Mesh;
use usher::providers::names::Names;
use usher::providers::outbound::{Outbound, OutboundOptions, Paces};
use usher::providers::registry::{Credentials, Persistence, Providers};
use usher::providers::signing::Signer;

/// Clock ticks in a second, as Linux tells of processes.
const TICKS: u64 = 100;

/// Tickets between two looks at the time.
const ROUND: u64 = 50;

/// CPU time of this process in ticks.
fn cpu() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn entitlement(provider: Provider, number: u64) -> Entitlement {
    Entitlement {
        key: RoomKey {
            tenant: TenantId::default_tenant(),
            room: RoomId::new(&format!("room-{}", number % 200)).unwrap(),
        },
        user: UserId::new(&format!("user-{}", number % 1_000)).unwrap(),
        name: "Somebody Ordinary".into(),
        image_url: None,
        provider,
        role: Some(Role::Host),
        rights: Rights::of(Rank::Host),
        rev: number,
        lifetime: Duration::from_secs(1_800),
        ends_at: None,
    }
}

/// Issues for about so long, and says how many a second of a processor makes.
fn rate(name: &str, seconds: u64, mut issue: impl FnMut(u64)) {
    let (mut count, start) = (0, cpu());
    while cpu() - start < seconds * TICKS {
        for _ in 0..ROUND {
            issue(count);
            count += 1;
        }
    }
    let spent = cpu() - start;
    let rate = count * TICKS / spent;
    println!("| {name} | {rate} | {:.1} |", 1e6 / rate as f64);
}

/// Daily's part is measured without its room, which is asked for once.
fn issuer(clock: &Arc<dyn Clock>) -> Providers {
    let secret = "a secret of some thirty-two bytes".into();
    let options = OutboundOptions {
        timeout: Duration::from_secs(1),
        retry_min: Duration::from_secs(1),
        retry_max: Duration::from_secs(1),
        breaker_failures: 1,
        breaker_pause: Duration::from_secs(1),
        at_once: 1,
        patience: 1,
    };
    let outbound = Outbound::new(
        "http://127.0.0.1:9",
        options,
        Paces::default(),
        clock.clone(),
    );
    let api = LiveKitApi::new(
        Arc::new(outbound.unwrap()),
        "key".to_owned(),
        "secret".into(),
    );
    let own = Credentials {
        mesh: Some(Arc::new(Mesh::new(
            &["stun:a:3478"],
            &["turn:a:3478"],
            Some(&secret),
        ))),
        jitsi: Some(Arc::new(jitsi(Signer::hs256(&secret)))),
        livekit: Some(Arc::new(LiveKit {
            url: "wss://livekit.example".to_owned(),
            key: "key".to_owned(),
            signer: Arc::new(Signer::hs256(&secret)),
            administrators: Administrators::Hosts,
            api,
        })),
        ..Credentials::default()
    };
    let persistence = Persistence {
        retry_min: Duration::from_secs(1),
        retry_max: Duration::from_secs(1),
        tolerance: Duration::from_secs(300),
    };
    let names = Names::new("a key of the installation");
    Providers::new(names, own, HashMap::new(), clock.clone(), persistence)
}

fn jitsi(signer: Signer) -> Jitsi {
    Jitsi {
        server: JitsiServer::Own {
            app_id: "usher".to_owned(),
            audience: "jitsi".to_owned(),
            domain: "meet.example".to_owned(),
        },
        base: "https://meet.example".to_owned(),
        signer: Arc::new(signer),
    }
}

fn main() {
    let wanted = std::env::args().filter_map(|it| it.parse().ok()).next();
    let seconds = wanted.unwrap_or(3);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let providers = issuer(&clock);
    println!("| kind | tickets per CPU second | µs each |\n|---|---|---|");
    for (name, provider) in [
        ("TURN credentials (HMAC-SHA1)", Provider::Mesh),
        ("LiveKit (HS256)", Provider::LiveKit),
        ("Jitsi, own server (HS256)", Provider::Jitsi),
    ] {
        rate(name, seconds, |number| {
            let issued = providers.issue(entitlement(provider, number));
            assert!(matches!(issued, Issuing::Ready(_)), "{issued:?}");
        });
    }
    let signer =
        Signer::hs256(&"a key of Daily, sixty-four bytes long as a rule, or so they say".into());
    rate("Daily, self-signed (HS256)", seconds, |number| {
        let to = entitlement(Provider::Daily, number);
        let claims = daily::claims(&to, ("room", "user"), "domain", clock.now());
        signer.sign(&claims).unwrap();
    });
    if let Ok(pem) = std::env::var("USHER_BENCH_RSA_PEM") {
        let jitsi = jitsi(Signer::rs256(&pem.into(), "key").unwrap());
        rate("Jitsi and JaaS (RS256, 2048 bits)", seconds, |number| {
            let to = entitlement(Provider::Jitsi, number);
            let names = ("room".to_owned(), "user".to_owned());
            jitsi.issue(to, names, clock.now()).unwrap();
        });
    }
}
