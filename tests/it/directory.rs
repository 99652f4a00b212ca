//! What every `Directory` over SQL promises, claimed once and held against SQLite and PostgreSQL.
//!
//! The PostgreSQL half needs a server in `USHER_TEST_POSTGRES_URL`; `scripts/test` starts one.

mod fixture;
mod ledger;
mod meetings;
mod outage;
mod security;
mod sqlite;
mod start;

/// Runs each claim on both databases, every time on empty tables.
macro_rules! on_both {
    ($($claim:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $claim() {
                    super::$claim(super::Fixture::sqlite().await).await;
                }
            )+
        }
        mod on_postgres {
            $(
                #[tokio::test]
                async fn $claim() {
                    super::$claim(super::Fixture::postgres().await).await;
                }
            )+
        }
    };
}
use on_both;
