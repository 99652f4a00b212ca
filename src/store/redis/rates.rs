//! `SharedBuckets` on Redis.

use async_trait::async_trait;

use super::RedisRoomStore;
use super::scripts::{texts, unexpected};
use crate::engine::rates::SharedBuckets;
use crate::engine::store::StoreError;

#[async_trait]
impl SharedBuckets for RedisRoomStore {
    async fn charge(&self, name: &str, micros: i64) -> Result<u64, StoreError> {
        let bucket = self.keys.rate(name);
        let mut script = self.scripts.rate.prepare_invoke();
        script.key(bucket.as_str()).arg(micros);
        let value = self.link.run_once(script).await?;
        let reply = texts(value)?;
        let ahead = reply
            .first()
            .and_then(|text| std::str::from_utf8(text).ok());
        ahead
            .and_then(|text| text.parse().ok())
            .ok_or_else(unexpected)
    }
}
