//! Transactions that share one flush of the disk: each is undone alone, and none is told before it is durable.

use futures_util::{FutureExt, future::join_all};
use kaijiang::{
    db::{Db, Locks},
    error::ApiError,
};
use serde_json::json;

use crate::harness::{TestApp, both, force};

/// Parts that come at the same moment; every third fails after it wrote.
const PARTS: i64 = 60;

async fn part(db: Db, number: i64) -> Result<i64, ApiError> {
    let locks = [Locks::Own, Locks::Books][usize::from(number % 2 == 0)];
    let told = db
        .together(locks, move |tx| {
            async move {
                let insert = "insert into grouped (number) values ($1)";
                sqlx::query(insert).bind(number).execute(tx.conn()).await?;
                if number % 3 == 0 {
                    // The same once more: the database refuses.
                    sqlx::query(insert).bind(number).execute(tx.conn()).await?;
                }
                Ok(number)
            }
            .boxed()
        })
        .await?;
    // What was told can be read by another connection at once.
    let found = sqlx::query("select number from grouped where number = $1").bind(told);
    assert!(found.fetch_optional(db.read()).await.unwrap().is_some(), "{told} was told and is not there");
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_undoes_itself_alone() {
    for backend in both() {
        let app = TestApp::start(backend, json!({})).await;
        let db = app.app.db().clone();
        force(&db, "create table grouped (number bigint primary key)", &[]).await;
        let told = join_all((0..PARTS).map(|number| part(db.clone(), number))).await;
        let done: Vec<i64> = told.into_iter().filter_map(Result::ok).collect();
        let wanted: Vec<i64> = (0..PARTS).filter(|number| number % 3 != 0).collect();
        assert_eq!(done, wanted);
        let rows =
            sqlx::query("select number from grouped order by number").fetch_all(db.read()).await.unwrap();
        let stored: Vec<i64> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        assert_eq!(stored, wanted);
        app.stop().await;
    }
}
