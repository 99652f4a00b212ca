//! The scripts, and what they answer.

use std::sync::Arc;

use redis::{Script, Value};

use super::codec;
use crate::domain::id::RoomKey;
use crate::domain::room::{Commit, Room};
use crate::engine::store::{Missed, StoreError};

/// Every script, with its hash.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) append: Script,
    pub(super) open: Script,
    pub(super) since: Script,
    pub(super) forget: Script,
    pub(super) beat: Script,
    pub(super) rate: Script,
    pub(super) pass: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            append: Script::new(concat!(
                include_str!("missed.lua"),
                include_str!("append.lua")
            )),
            open: Script::new(include_str!("open.lua")),
            since: Script::new(concat!(
                include_str!("missed.lua"),
                include_str!("since.lua")
            )),
            forget: Script::new(include_str!("forget.lua")),
            beat: Script::new(include_str!("beat.lua")),
            rate: Script::new(include_str!("rate.lua")),
            pass: Script::new(include_str!("pass.lua")),
        }
    }
}

/// What a script about a room answers.
#[derive(Debug)]
pub(super) enum Reply {
    /// There is no such room.
    None,
    /// Done.
    Ok,
    /// The room was made of what was offered.
    Made,
    /// The room is as the node holds it.
    Same,
    /// The room as it is.
    Room(Box<Room>),
    /// The commits that a replica lacks.
    Commits(Vec<Arc<Commit>>),
}

impl Reply {
    pub(super) fn read(value: Value, key: &RoomKey) -> Result<Self, StoreError> {
        let mut items = texts(value)?.into_iter();
        let word = items.next().unwrap_or_default();
        match word.as_slice() {
            b"none" => Ok(Self::None),
            b"ok" => Ok(Self::Ok),
            b"made" => Ok(Self::Made),
            b"same" => Ok(Self::Same),
            b"room" => {
                let fields: Vec<Vec<u8>> = items.collect();
                codec::room(key, &fields).map(|room| Self::Room(Box::new(room)))
            }
            b"commits" => items
                .map(|bytes| codec::commit_from(&bytes))
                .collect::<Result<_, _>>()
                .map(Self::Commits),
            _ => Err(unexpected()),
        }
    }

    /// What a replica has missed, if that is what was answered; `None` when there is no such room.
    pub(super) fn into_missed(self) -> Result<Option<Missed>, StoreError> {
        match self {
            Self::None => Ok(None),
            Self::Room(room) => Ok(Some(Missed::Snapshot(room))),
            Self::Commits(commits) => Ok(Some(Missed::Commits(commits))),
            Self::Ok | Self::Made | Self::Same => Err(unexpected()),
        }
    }
}

/// A list of texts.
pub(super) fn texts(value: Value) -> Result<Vec<Vec<u8>>, StoreError> {
    let Value::Array(items) = value else {
        return Err(unexpected());
    };
    items
        .into_iter()
        .map(|item| {
            if let Value::BulkString(bytes) = item {
                Ok(bytes)
            } else if let Value::SimpleString(text) = item {
                Ok(text.into_bytes())
            } else {
                Err(unexpected())
            }
        })
        .collect()
}

pub(super) fn unexpected() -> StoreError {
    StoreError::Unreadable("Redis gave an answer of another shape".to_owned())
}
