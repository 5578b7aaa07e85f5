//! The pool that a server keeps between two draws: always what SQL says, whoever changed it.

use kaijiang::{app::App, pool};

use super::stage::Stage;
use crate::harness::both;

async fn weights(app: &App, meeting: &str) -> Result<Vec<u64>, &'static str> {
    let mut tx = app.db().begin().await.unwrap();
    let pool = pool::snapshot(app, &mut tx, meeting).await.map_err(|error| error.code())?;
    Ok(pool.members().map(|(_, weight)| weight).collect())
}

async fn sql(app: &App, text: &'static str, meeting: &str) {
    let mut tx = app.db().begin().await.unwrap();
    sqlx::query(text).bind(meeting).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_pool_follows_what_another_server_changed() {
    for backend in both() {
        let stage = Stage::set(backend, 5).await;
        assert_eq!(weights(&stage.app, &stage.meeting).await, Ok(vec![1; 5]));
        let mut other = stage.clone();
        other.app = stage.another().await;
        other.bind(5).await;
        let before = pool::PoolMember { idx: 1, pid: other.pid(1).await, weight: 1, present: true };
        let after = pool::PoolMember { weight: 7, ..before };
        let mut tx = other.app.db().begin().await.unwrap();
        sqlx::query("update binding set weight = 7 where meeting_id = $1 and idx = 1")
            .bind(&other.meeting)
            .execute(tx.conn())
            .await
            .unwrap();
        let _ = pool::change(&other.app, &mut tx, &other.meeting, Some(&before), after).await.unwrap();
        tx.commit().await.unwrap();
        let now = Ok(vec![1, 7, 1, 1, 1, 1]);
        assert_eq!(
            weights(&stage.app, &stage.meeting).await,
            now,
            "the store was not told of the last change"
        );
        other.restart().await;
        assert_eq!(weights(&other.app, &other.meeting).await, now, "read from SQL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_rolled_back_is_not_kept() {
    for backend in both() {
        let stage = Stage::set(backend, 3).await;
        let before = pool::PoolMember { idx: 0, pid: stage.pid(0).await, weight: 1, present: true };
        let after = pool::PoolMember { weight: 9, ..before };
        let mut tx = stage.app.db().begin().await.unwrap();
        sqlx::query("update binding set weight = 9 where meeting_id = $1 and idx = 0")
            .bind(&stage.meeting)
            .execute(tx.conn())
            .await
            .unwrap();
        let _ = pool::change(&stage.app, &mut tx, &stage.meeting, Some(&before), after).await.unwrap();
        let inside = pool::snapshot(&stage.app, &mut tx, &stage.meeting).await.unwrap();
        assert_eq!(inside.tickets(), 11);
        drop(tx);
        assert_eq!(weights(&stage.app, &stage.meeting).await, Ok(vec![1; 3]));
        // The next change gets the same revision: the digest tells them apart.
        stage.bind(3).await;
        assert_eq!(weights(&stage.app, &stage.meeting).await, Ok(vec![1; 4]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_changed_behind_our_back_stop_the_draw() {
    for backend in both() {
        let mut stage = Stage::set(backend, 4).await;
        assert_eq!(weights(&stage.app, &stage.meeting).await, Ok(vec![1; 4]));
        sql(&stage.app, "update binding set weight = 50 where meeting_id = $1 and idx = 2", &stage.meeting)
            .await;
        stage.restart().await;
        assert_eq!(
            weights(&stage.app, &stage.meeting).await,
            Err("internal"),
            "no pool is better than a wrong one"
        );
    }
}
