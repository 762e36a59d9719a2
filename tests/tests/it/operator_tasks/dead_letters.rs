//! Dead letters by the admin API.

use fluxgate_tests::{Gateway, eventually};
use reqwest::Method;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::refusal;

/// Puts dead letters of these bodies into the archive lane.
pub(super) fn bury(gateway: &Gateway, bodies: &[String]) {
    let database = gateway.server.folder().path.join("fluxgate.db");
    let database = Connection::open(database).unwrap();
    let sql = "INSERT INTO dead_letters (lane, reason, body, at)
        VALUES ('archive', 'the bucket is gone', ?1, 1000)";
    for body in bodies {
        database.execute(sql, params![body]).unwrap();
    }
}

pub(super) fn job(task: &str) -> String {
    json!({ "job": "archive", "tenant": "acme", "task": task }).to_string()
}

fn ids(page: &Value) -> Vec<String> {
    let letters = page["dead_letters"].as_array().unwrap().iter();
    letters
        .map(|letter| letter["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_redriven_and_deleted_and_each_is_told() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let (unreadable, unwanted) = ("{}".to_owned(), job(&"0".repeat(32)));
    bury(&gateway, &[job(&task), unreadable, unwanted]);

    let listed = operator.get("/dead-letters?lane=archive").await.body;
    let all = ids(&listed);
    let second = format!("/dead-letters?lane=archive&limit=1&cursor={}", all[0]);
    let second = operator.get(&second).await.body;
    let path = format!("/dead-letters/archive/{}", all[2]);
    let deleted = operator.send(Method::DELETE, &path, None).await;
    let one = json!({ "ids": [all[1]] });
    let refused = operator.post("/dead-letters/archive/redrive", &one).await;
    let redriven = operator
        .post("/dead-letters/archive/redrive", &json!({}))
        .await;

    let first = &listed["dead_letters"][0];
    assert_eq!(
        (&first["tenant"], &first["lane"]),
        (&json!("acme"), &json!("archive"))
    );
    assert_eq!(first["job"]["task"], json!(task));
    assert_eq!(first["reason"], "the bucket is gone");
    assert_eq!(first["at"], "1970-01-01T00:00:01.000Z");
    assert!(listed["dead_letters"][1].get("job").is_none(), "{listed}");
    assert_eq!(
        (ids(&second), &second["next"]),
        (vec![all[1].clone()], &json!(all[1]))
    );
    assert_eq!(deleted.status, 204, "{:?}", deleted.body);
    assert_eq!(
        refusal(&refused),
        (409, "dead_letter_unreadable".to_owned())
    );
    assert_eq!(redriven.body, json!({ "redriven": [all[0]] }));
    eventually("the letter to be gone", || async {
        let left = operator.get("/dead-letters?lane=archive").await.body;
        (ids(&left) == [all[1].clone()]).then_some(())
    })
    .await;
    let actions: Vec<String> = operator.audit().await.into_iter().map(|it| it.0).collect();
    assert_eq!(
        actions[..2],
        ["dead_letters.redriven", "dead_letters.deleted"]
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_lane_or_a_letter_that_there_is_not_is_said_to_be_none() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    let all = "/dead-letters/archive/redrive";

    let laneless = operator.get("/dead-letters").await;
    let misspelt = operator.get("/dead-letters?lane=archives").await;
    let gone = operator.get("/dead-letters?lane=archive&cursor=7").await;
    let unknown = operator.post(all, &json!({ "ids": ["7"] })).await;
    let nothing = operator.post(all, &json!({})).await;
    let nowhere = operator.delete("/dead-letters/archives/7").await;

    assert_eq!(refusal(&laneless), (400, "missing_parameter".to_owned()));
    assert_eq!(refusal(&misspelt), (400, "invalid_parameter".to_owned()));
    assert_eq!(refusal(&gone), (409, "dead_letter_gone".to_owned()));
    assert_eq!(refusal(&unknown), (404, "not_found".to_owned()));
    assert_eq!(
        (nothing.status.as_u16(), &nothing.body),
        (200, &json!({ "redriven": [] }))
    );
    assert_eq!(nowhere.status, 404);
    assert!(operator.audit().await.is_empty());
    gateway.stop().await;
}
