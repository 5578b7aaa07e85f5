//! The benchmark as a user runs it: it must find nothing lost, also through a restart of the server.

use std::process::Stdio;

use serde_json::Value;

#[tokio::test]
async fn everybody_comes_back_from_a_restart_in_a_draw_to_the_same_winners() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_kaijiang"))
        .args(["bench", "live", "--viewers", "200", "--rounds", "3", "--restart"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["losses"]["missing"], 0, "{report}");
    assert_eq!(report["losses"]["doubled"], 0, "{report}");
    assert!(report["restart"]["reconnects"].as_u64().unwrap() >= 200, "{report}");
    assert_eq!(report["restart"]["different_results"], 1, "{report}");
    for figure in ["first", "p50", "p99", "last"] {
        assert!(report["latency"][figure].as_f64().unwrap() > 0.0, "{figure} in {report}");
    }
    assert!(report["last_in_relation_to_bare"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["private"]["p99"].as_f64().unwrap() > 0.0, "{report}");
}
