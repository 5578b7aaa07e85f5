//! The server writes its sentences in Chinese, each in one place; the pages have the English of every one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const ENGLISH: &str = "web/src/shared/said/en.json";

/// Folders and files whose Chinese is no sentence for a reader of our pages: the stand-in, made-up people, the terminal, the
/// protocol's codes (pages have their own words for those), columns of files, messages inside WeChat, robots of an office,
/// words that a host may change.
const OTHERS: &[&str] = &[
    "src/sandbox/",
    "src/demo/",
    "src/bench/",
    "src/cli/",
    "src/draw/",
    "src/payout/sim/",
    "src/finance/alarms/",
    "src/finance/accounting.rs",
    "src/people/export.rs",
    "src/people/xlsx_out.rs",
    "src/referral/export.rs",
    "src/voucher/export.rs",
    "src/notice/text.rs",
    "src/wire/meetings.rs",
    "src/clock.rs",
    // In both languages where it stands: what people agreed to is kept word for word.
    "src/binding/consent.rs",
];
/// Files that know the headings of foreign tables; only what ends like a sentence is one.
const HEADINGS: &[&str] = &["src/people/table/mod.rs", "src/finance/statement.rs"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            into.push(path);
        }
    }
}

/// A module that its parent compiles for tests only.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    let parent = fs::read_to_string(path.with_file_name("mod.rs")).unwrap_or_default();
    parent.contains(&format!("#[cfg(test)]\nmod {name};"))
}

fn is_sql(text: &str) -> bool {
    text.starts_with("insert into ") || text.contains(" = '")
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{3400}'..='\u{9fff}').contains(&letter))
}

/// Texts between quotes with the line that each begins in, without those of comments.
fn texts(code: &str) -> Vec<(usize, String)> {
    let (mut found, mut line, mut rest) = (Vec::new(), 1, code.chars().peekable());
    while let Some(letter) = rest.next() {
        match letter {
            '\n' => line += 1,
            '/' if rest.peek() == Some(&'/') => {
                rest.by_ref().take_while(|next| *next != '\n').for_each(drop);
                line += 1;
            }
            // A character; a lifetime has no second quote right after its first letter.
            '\'' => match rest.next() {
                Some('\\') => rest.by_ref().skip(1).take_while(|next| *next != '\'').for_each(drop),
                _ => {
                    rest.next_if_eq(&'\'');
                }
            },
            '"' => {
                let begun = line;
                found.push((begun, text(&mut rest, &mut line)));
            }
            _ => {}
        }
    }
    found
}

/// What the compiler makes of a text that has just begun.
fn text(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, line: &mut usize) -> String {
    let mut text = String::new();
    while let Some(letter) = rest.next() {
        match letter {
            '"' => break,
            '\\' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('\n') => {
                    *line += 1;
                    while let Some(space) = rest.next_if(|next| next.is_whitespace()) {
                        *line += usize::from(space == '\n');
                    }
                }
                Some(other) => text.push(other),
                None => break,
            },
            '\n' => {
                *line += 1;
                text.push('\n');
            }
            other => text.push(other),
        }
    }
    text
}

/// Placeholders by name, those without one by their number, none with a format.
fn plain(text: &str) -> String {
    let (mut out, mut nameless, mut rest) = (String::new(), 0_usize, text);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((inside, behind)) = after.split_once('}') else { break };
        let name = inside.split(':').next().unwrap_or("");
        nameless += usize::from(name.is_empty());
        let number = nameless.to_string();
        out.extend([before, "{", if name.is_empty() { &number } else { name }, "}"]);
        rest = behind;
    }
    out + rest
}

/// Every sentence of the server, and where it stands.
fn sentences() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut found = BTreeMap::new();
    for path in files {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if OTHERS.iter().any(|other| name.starts_with(other)) || is_test(&path) {
            continue;
        }
        let code = fs::read_to_string(&path).unwrap();
        let product = code.split("#[cfg(test)]").next().unwrap();
        for (line, text) in texts(product) {
            if is_chinese(&text)
                && !is_sql(&text)
                && (!HEADINGS.contains(&name.as_str()) || text.contains('。'))
            {
                found.entry(plain(&text)).or_insert_with(|| format!("{name}:{line}"));
            }
        }
    }
    found
}

#[test]
fn every_sentence_of_the_server_has_its_english() {
    let said = sentences();
    assert!(said.len() > 500 && said.contains_key("请先登录。"), "the sentences were not found");
    let english: BTreeMap<String, String> =
        serde_json::from_str(&fs::read_to_string(root().join(ENGLISH)).unwrap()).unwrap();
    let missing: Vec<_> = said
        .iter()
        .filter(|(text, _)| !english.contains_key(*text))
        .map(|(text, place)| format!("{place}: {text}"))
        .collect();
    assert!(
        missing.is_empty(),
        "give these their English in {ENGLISH}, placeholders unchanged: {missing:#?}"
    );
    let gone: BTreeSet<_> = english.keys().filter(|text| !said.contains_key(*text)).collect();
    assert!(gone.is_empty(), "nobody says these any more, remove them from {ENGLISH}: {gone:#?}");
}
