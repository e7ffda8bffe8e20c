//! Rows kept under a resource's number: what waits, what a schedule has come to. They are committed like a follower's
//! state, as durable and as ordered as any write, and go with the resource.

use db::{Db, Error, FollowerCommit, FollowerId};
use item::Seq;
use std::sync::Arc;
use triggers::{Parcel, Post, PostError};

/// A row: its key, and its value or `None` to remove it.
pub(crate) type Change = (Vec<u8>, Option<Vec<u8>>);

/// Commits rows. They are independent of one another and one process owns
/// them, so the cursor, which guards against a second worker elsewhere, stays where it is: commits do not wait for each
/// other.
pub(crate) async fn commit(db: &Db, owner: FollowerId, state: Vec<Change>) -> Result<(), Error> {
    begin(db, owner).await?;
    db.follower_commit(at_cursor(owner, Some(Seq::ZERO), state)).await.map(drop)
}

/// As [`commit`], and a letter with the rows.
pub(crate) async fn commit_with(
    db: &Db,
    post: &Post,
    owner: FollowerId,
    state: Vec<Change>,
    letter: Option<Arc<Parcel>>,
) -> Result<(), PostError> {
    begin(db, owner).await?;
    post.commit(at_cursor(owner, Some(Seq::ZERO), state), letter.into_iter().collect()).await
}

async fn begin(db: &Db, owner: FollowerId) -> Result<(), Error> {
    if db.follower_cursor(owner).is_some() {
        return Ok(());
    }
    match db.follower_commit(at_cursor(owner, None, Vec::new())).await {
        // Another one was faster.
        Err(Error::CursorMoved { at: Some(Seq::ZERO) }) => Ok(()),
        begun => begun.map(drop),
    }
}

fn at_cursor(follower: FollowerId, expected: Option<Seq>, state: Vec<Change>) -> FollowerCommit {
    FollowerCommit { follower, expected, upto: Seq::ZERO, rows: Vec::new(), records: Vec::new(), state }
}
