//! The house rules that a compiler does not check.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const MAX_LINES: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

fn rust(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&root().join(folder), &mut found);
    assert!(!found.is_empty(), "no sources in {folder}");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Code of a file without its inline tests and comments.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]").next().unwrap_or(text);
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_short() {
    let long: Vec<_> = [rust("src"), rust("tests")]
        .concat()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > MAX_LINES)
        .map(|(path, text)| format!("{} has {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// Modules in the order of `lib.rs`.
fn order() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(ToOwned::to_owned)
        .collect()
}

/// The top-level module of a file.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Names after `crate::`, also those in braces.
fn used(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            found.extend(top_names(list));
        } else {
            found
                .push(rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
        }
    }
    found
}

fn top_names(list: &str) -> Vec<String> {
    let (mut depth, mut name, mut names, mut fresh) = (0, String::new(), Vec::new(), true);
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            letter if depth == 0 && fresh && (letter.is_alphanumeric() || letter == '_') => name.push(letter),
            _ if depth == 0 && !name.is_empty() => {
                names.push(std::mem::take(&mut name));
                fresh = false;
            }
            _ => {}
        }
    }
    if !name.is_empty() {
        names.push(name);
    }
    names
}

#[test]
fn a_module_uses_only_those_above_it() {
    let place: BTreeMap<String, usize> =
        order().into_iter().enumerate().map(|(at, name)| (name, at)).collect();
    let mut wrong = Vec::new();
    for (path, text) in rust("src") {
        let Some(mine) = place.get(&module(&path)) else { continue };
        for name in used(&code(&text)) {
            if place.get(&name).is_some_and(|other| other > mine) {
                wrong.push(format!("{} uses {name}, which stands below it", path.display()));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_draw_is_pure() {
    let parent = fs::read_to_string(root().join("src/draw/mod.rs")).unwrap();
    for (path, text) in rust("src/draw") {
        // Whole files of tests may read their cases.
        let name = path.file_stem().unwrap().to_string_lossy();
        if parent.contains(&format!("#[cfg(test)]\nmod {name};")) {
            continue;
        }
        let code = code(&text);
        for banned in [
            "std::fs",
            "std::net",
            "std::time",
            "tokio",
            "sqlx",
            "getrandom",
            "SystemTime",
            "crate::db",
            "crate::app",
            "gen_range",
            "random_range",
            "seed_from_u64",
            "next_u32",
            "shuffle",
            "f64",
            "f32",
        ] {
            assert!(!code.contains(banned), "{} uses {banned}", path.display());
        }
    }
}

#[test]
fn the_web_client_is_made_from_the_present_api() {
    let now = serde_json::to_value(kaijiang::server::document()).unwrap();
    let kept = fs::read(root().join("web/src/wire/openapi.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert!(now == kept, "the API changed: run `make wire` and commit what it writes");
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = serde_json::to_value(kaijiang::server::document()).unwrap();
    let mut names = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            let other = names.insert(name.to_owned(), path.clone());
            assert_eq!(other, None, "{name} is also {path}");
        }
    }
}
