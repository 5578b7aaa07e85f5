//! The protocol's published vectors: every `*.json` of `tests/vectors/` and of the folder that the
//! environment variable `KAIJIANG_VECTORS` names.

use super::chain::{self, LastSecret};
use super::entropy::{Source, Value as Entropy};
use super::hash::{EventId, Hash32, Pid, pid, sha256};
use super::line::{PaySeat, pay_ref};
use super::log::{Checkpoint, log_code, public_key};
use super::path as paths;
use super::seed::{Keystream, SPLIT, Tickets, WINNERS};
use super::{PoolTree, pick, seed, verify};
use ed25519_dalek::SigningKey;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

fn get<T: DeserializeOwned>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|e| panic!("{key}: {e} in {}", value[key]))
}

fn primitives(input: &Value, expect: &Value) {
    let event: EventId = get(input, "event");
    let last: Hash32 = get(input, "last");
    let seed: Hash32 = get(input, "seed");
    let salt: Hash32 = get(input, "salt");
    let links: u32 = get(input, "links");
    let secret = LastSecret::new(*last.bytes());
    assert_eq!(chain::anchor(&event, &secret, links), get(expect, "anchor"));
    let all: Vec<Hash32> = (1..=links).map(|d| chain::secret(&event, &secret, links, d).unwrap()).collect();
    assert_eq!(all, get::<Vec<Hash32>>(expect, "links"));
    assert_eq!(chain::secret(&event, &secret, links, links + 1), None);
    assert_eq!(pid(&event, salt.bytes(), &get::<String>(input, "identity")), get(expect, "pid"));

    for (id, key) in [(WINNERS, "keystream0"), (SPLIT, "keystream1")] {
        let wanted = hex::decode(get::<String>(expect, key)).unwrap();
        let mut stream = Keystream::new(&seed, id);
        let got: Vec<u8> = (0..wanted.len() / 8).flat_map(|_| stream.word().to_le_bytes()).collect();
        assert_eq!(got, wanted, "{key}");
    }
    let mut stream = Keystream::new(&seed, WINNERS);
    for word in get::<Vec<String>>(expect, "u64") {
        assert_eq!(stream.word().to_string(), word);
    }
    let mut stream = Keystream::new(&seed, WINNERS);
    let bounds: Vec<u64> = get(input, "bounds");
    let uniform: Vec<u64> = bounds.iter().map(|bound| stream.uniform(*bound)).collect();
    assert_eq!(uniform, get::<Vec<u64>>(expect, "uniform"));
    assert_eq!(stream.words_used(), get::<u64>(expect, "words_used"));
    let parts = pick::split(&seed, get(input, "split_total"), get(input, "split_k"), get(input, "split_min"));
    assert_eq!(parts, get(expect, "split"));

    let key = SigningKey::from_bytes(get::<Hash32>(input, "sk").bytes());
    assert_eq!(public_key(&key), get(expect, "pk"));
    assert_eq!(Checkpoint::sign(&key, event, 1, seed).sig, get(expect, "checkpoint_sig"));
    assert_eq!(log_code(&seed), get::<String>(expect, "log_code"));
    let seat = PaySeat { draw: 7, rank: 2, pid: salt, cents: 8888, attempt: 1 };
    assert_eq!(pay_ref(&event, &seat, &get::<String>(input, "bill")), get(expect, "pay_ref"));
    let sources: Vec<Source> = get(input, "sources");
    let values: Vec<Entropy> = get(input, "values");
    assert!(sources.iter().zip(&values).all(|(source, value)| source.accepts(value, 3)));
    assert_eq!(seed::seed(&seed, &last, sources.iter().zip(&values)), get(expect, "draw_seed"));
}

fn seeds(input: &Value, expect: &Value) {
    let sources: Vec<Source> = get(input, "sources");
    let values: Vec<Entropy> = get(input, "values");
    let got = seed::seed(&get(input, "head"), &get(input, "secret"), sources.iter().zip(&values));
    assert_eq!(got, get(expect, "seed"));
}

fn draw(input: &Value, expect: &Value) {
    let weights: Vec<u64> =
        if input["weights"].is_array() { get(input, "weights") } else { vec![1; get(input, "n")] };
    let members = (0_u64..).map(|i| sha256(&i.to_be_bytes())).zip(weights);
    let pool = PoolTree::from_leaves(members).unwrap();
    let seed: Hash32 = get(input, "seed");
    assert_eq!(pick::winners(&pool, &seed, get(input, "k")).unwrap(), get::<Vec<u64>>(expect, "winners"));
    if expect["trace"].is_array() {
        let trace: Vec<(u64, u64, u64)> = get(expect, "trace");
        let mut won = HashSet::new();
        let tickets = Tickets::new(&seed, pool.tickets(), WINNERS).take(trace.len());
        let got: Vec<_> = tickets
            .map(|ticket| {
                let (owner, _) = pool.owner(ticket).unwrap();
                (ticket, owner, u64::from(won.insert(owner)))
            })
            .collect();
        assert_eq!(got, trace);
    }
}

fn pool(input: &Value, expect: &Value) {
    let members: Vec<(Pid, u64)> = if input["pool"].is_array() {
        get(input, "pool")
    } else {
        let weight = input["weight"].as_u64().unwrap_or(1);
        (0..get::<u64>(input, "synthetic_n")).map(|j| (sha256(&j.to_be_bytes()), weight)).collect()
    };
    let tree = PoolTree::from_leaves(members.iter().copied()).unwrap();
    let summary = tree.summary().unwrap();
    assert_eq!((summary.n, summary.tickets), (get(expect, "n"), get(expect, "tickets")));
    assert_eq!(summary.root, get::<Hash32>(expect, "root"));
    for index in input["paths"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
        let path: Vec<paths::Step> = get(&expect["paths"], &index.to_string());
        assert_eq!(tree.path(index).unwrap(), path);
        let (pid, weight) = members[usize::try_from(index).unwrap()];
        assert_eq!(paths::check(&summary, index, &pid, weight, &path), tree.start(index));
    }
}

fn bundle(input: &Value, expect: &Value) {
    let bytes = input["bundle"].to_string();
    // Local parts stand beside the bundle, or together under `local`.
    let local = if input["local"].is_object() {
        input["local"].clone()
    } else {
        json!({"pin": input["pin"], "seen": input["seen"], "me": input["me"]})
    };
    let report = verify::verify(bytes.as_bytes(), Some(local.to_string().as_bytes()), &BTreeMap::new());
    let got = serde_json::to_value(&report).unwrap();
    for (key, value) in expect.as_object().unwrap() {
        assert_eq!(&got[key], value, "{key}: {report:?}");
    }
}

fn run(vector: &Value) {
    let (input, expect) = (&vector["input"], &vector["expect"]);
    match vector["kind"].as_str().unwrap() {
        "primitives" => primitives(input, expect),
        "seed" => seeds(input, expect),
        "draw" => draw(input, expect),
        "pool" => pool(input, expect),
        "bundle" => bundle(input, expect),
        kind => panic!("a kind that this test does not know: {kind}"),
    }
}

/// Apart, since nothing else in this folder touches files.
#[cfg(test)]
mod files {
    use serde_json::Value;
    use std::path::{Path, PathBuf};

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
        files.sort();
        files
    }

    #[test]
    fn all_vectors() {
        let mut all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"));
        if let Some(folder) = std::env::var_os("KAIJIANG_VECTORS") {
            all.extend(files(Path::new(&folder)));
        }
        let (mut ran, mut failed) = (0, Vec::new());
        for file in all {
            let document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            if document["protocol"] != "mlot1" {
                continue;
            }
            for vector in document["vectors"].as_array().unwrap() {
                ran += 1;
                if std::panic::catch_unwind(|| super::run(vector)).is_err() {
                    failed.push(format!("{}: {}", file.display(), vector["name"]));
                }
            }
        }
        assert!(failed.is_empty(), "{} of {ran} failed: {failed:#?}", failed.len());
        assert!(ran >= 9, "only {ran} vectors were found");
    }
}
