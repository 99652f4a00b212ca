//! Who calls.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Api;
use super::problem::Problem;
use crate::auth::{Principal, bearer};
use crate::domain::id::{RoomId, RoomKey, UserId};
use crate::domain::refusal::Refusal;

/// The verified caller of a request.
#[derive(Debug)]
pub struct Caller(pub Principal);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let principal = api.authenticator.authenticate(bearer(header, None)).await;
        Ok(Self(principal.map_err(Refusal::from)?))
    }
}

impl Caller {
    /// A room of the caller's tenant.
    #[must_use]
    pub fn key(&self, room: RoomId) -> RoomKey {
        RoomKey {
            tenant: self.0.tenant.clone(),
            room,
        }
    }

    /// Lets only the meeting's creator and hosts pass. Without a key nobody can be told apart, so
    /// everybody passes, as `claim` if given.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::MeetingNotFound`].
    pub async fn authorize(
        &self,
        api: &Api,
        key: &RoomKey,
        claim: Option<&UserId>,
    ) -> Result<Option<UserId>, Refusal> {
        if let Some(user) = self.0.user() {
            api.meetings.authorize(key, user).await?;
        }
        self.0.act_as(claim)
    }
}
