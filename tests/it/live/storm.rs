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

/// One short evening: that it is played, paid and over is tested; what grows shows only in many.
#[tokio::test]
async fn a_small_soak_is_played_to_its_end() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_kaijiang"))
        .args(["bench", "soak", "--viewers", "40", "--evenings", "1", "--draws", "1", "--break", "true"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["holds"], &report["evenings"][0]["evening"]["packets"]),
        (&true.into(), &4.into()),
        "{report}"
    );
    for evening in report["evenings"].as_array().unwrap() {
        assert_eq!(evening["evening"]["losses"]["missing"], 0, "{report}");
        for figure in ["rss_bytes", "open_files", "tasks"] {
            assert!(evening["afterwards"][figure].as_i64().unwrap() > 0, "{figure} in {report}");
        }
    }
}
