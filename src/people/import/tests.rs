use super::*;

fn keys() -> Keys {
    let folder = tempfile::tempdir().unwrap();
    Keys::open(&folder.path().join("key")).unwrap()
}

fn row(row: i64, name: &str, phone: &str) -> RawRow {
    RawRow { row, name: name.into(), phone: phone.into(), ..RawRow::default() }
}

fn outcomes(plan: &Plan) -> Vec<(RowOutcome, &str)> {
    plan.rows.iter().map(|row| (row.outcome, row.code.as_str())).collect()
}

#[test]
fn each_fault_is_named_in_its_row() {
    let keys = keys();
    let long = "长".repeat(61);
    let formula = RawRow { formula: true, ..row(7, "公式", "13800138006") };
    let heavy = RawRow { weight: Some("1.5".into()), ..row(8, "重", "13800138007") };
    let rows = vec![
        row(2, "", "13800138000"),
        row(3, "张三", "13800138000"),
        row(4, "张三", "138 0013 8000"),
        row(5, "李四", "+8613800138000"),
        row(6, &long, "13800138005"),
        formula,
        heavy,
        row(9, "无号", ""),
        row(10, "短号", "1380013"),
        row(11, "控\u{7}制", "13800138010"),
    ];
    let plan = plan(&parse(rows, &keys, "m", true), &Roster::new());
    let error = RowOutcome::Error;
    assert_eq!(
        outcomes(&plan),
        [
            (error, "name_missing"),
            (RowOutcome::New, ""),
            (error, "duplicate_in_file"),
            (error, "duplicate_in_file"),
            (error, "name_too_long"),
            (error, "formula"),
            (error, "weight_invalid"),
            (error, "phone_missing"),
            (error, "phone_invalid"),
            (error, "text_invalid"),
        ]
    );
    assert!(plan.rows[2].message.contains("第 3 行"), "{}", plan.rows[2].message);
    assert_eq!(plan.rows[2].phone, "138****8000");
    let report = summary("i", "f", 0, plan.rows);
    assert_eq!((report.total, report.new, report.errors), (10, 1, 9));
    assert!(report.rows[4].name.chars().count() <= MAX_NAME);
}

#[test]
fn the_same_file_twice_changes_nothing_and_missing_columns_keep_what_is_there() {
    let keys = keys();
    let rows = vec![row(2, "张三", "13800138000"), row(3, "李四", "13800138001")];
    let parsed = parse(rows, &keys, "m", true);
    let mut roster = Roster::new();
    for change in plan(&parsed, &roster).changes {
        let id = format!("p{}", change.at);
        roster.insert(
            parsed[change.at].index.clone(),
            Known { id, department: "研发".into(), ..change.person },
        );
    }
    assert_eq!(outcomes(&plan(&parsed, &roster)), [(RowOutcome::Same, ""), (RowOutcome::Same, "")]);
    let renamed = vec![RawRow { weight: Some("3".into()), ..row(2, "张叁", "13800138000") }];
    let plan2 = plan(&parse(renamed, &keys, "m", true), &roster);
    assert_eq!(outcomes(&plan2), [(RowOutcome::Update, "name_changed")]);
    assert_eq!(plan2.changes[0].id.as_deref(), Some("p0"));
    assert_eq!((plan2.changes[0].person.department.as_str(), plan2.changes[0].person.weight), ("研发", 3));
    if let Some(known) = roster.get_mut(&parsed[0].index) {
        known.removed = true;
    }
    let back = plan(&parsed, &roster);
    assert_eq!(outcomes(&back)[0], (RowOutcome::New, ""));
    assert_eq!(back.changes[0].id.as_deref(), Some("p0"), "the same person, not a second one");
}

#[test]
fn a_staff_number_belongs_to_one_phone_and_may_be_swapped() {
    let keys = keys();
    let with =
        |line, name, phone, number: &str| RawRow { staff_no: Some(number.into()), ..row(line, name, phone) };
    let first = parse(
        vec![with(2, "张三", "13800138000", "A1"), with(3, "李四", "13800138001", "A2")],
        &keys,
        "m",
        true,
    );
    let mut roster = Roster::new();
    for change in plan(&first, &roster).changes {
        roster
            .insert(first[change.at].index.clone(), Known { id: format!("p{}", change.at), ..change.person });
    }
    let moved = parse(vec![with(2, "张三", "13900139000", "A1")], &keys, "m", true);
    assert_eq!(outcomes(&plan(&moved, &roster)), [(RowOutcome::Error, "staff_no_taken")]);
    let swap = parse(
        vec![with(2, "张三", "13800138000", "A2"), with(3, "李四", "13800138001", "A1")],
        &keys,
        "m",
        true,
    );
    assert_eq!(outcomes(&plan(&swap, &roster)), [(RowOutcome::Update, ""), (RowOutcome::Update, "")]);
    let twice = parse(
        vec![with(2, "王五", "13700137000", "B1"), with(3, "赵六", "13700137001", "B1")],
        &keys,
        "m",
        true,
    );
    assert_eq!(outcomes(&plan(&twice, &roster))[1], (RowOutcome::Error, "staff_no_taken"));
}

#[test]
fn without_phones_a_staff_number_is_enough_and_a_phone_may_come_later() {
    let keys = keys();
    let with =
        |line, name, phone, number: &str| RawRow { staff_no: Some(number.into()), ..row(line, name, phone) };
    let rows = || {
        vec![
            with(2, "张三", "", "A1"),
            with(3, "李四", "", "A1"),
            row(4, "王五", ""),
            with(5, "赵六", "", ""),
        ]
    };
    let error = RowOutcome::Error;
    let needed = plan(&parse(rows(), &keys, "m", true), &Roster::new());
    assert_eq!(outcomes(&needed), [(error, "phone_missing"); 4]);
    let parsed = parse(rows(), &keys, "m", false);
    let first = plan(&parsed, &Roster::new());
    let missing = (error, "phone_missing");
    assert_eq!(outcomes(&first), [(RowOutcome::New, ""), (error, "duplicate_in_file"), missing, missing]);
    assert!(first.rows[1].message.contains("工号"), "{}", first.rows[1].message);

    let known = Known { id: "p".into(), ..first.changes[0].person.clone() };
    let roster = Roster::from([(format!("{NO_PHONE}p"), known)]);
    let again = |rows| plan(&parse(rows, &keys, "m", false), &roster);
    assert_eq!(outcomes(&again(vec![with(2, "张三", "", "A1")])), [(RowOutcome::Same, "")]);
    let renamed = again(vec![with(2, "张叁", "", "A1")]);
    assert_eq!(outcomes(&renamed), [(RowOutcome::Update, "name_changed")]);
    let phone = again(vec![with(2, "张三", "13800138000", "A1")]);
    assert_eq!(outcomes(&phone), [(RowOutcome::Update, "")]);
    assert!(phone.changes[0].phone && phone.changes[0].id.as_deref() == Some("p"));
    let other = again(vec![with(2, "张五", "13800138000", "A1")]);
    assert_eq!(outcomes(&other), [(error, "staff_no_taken")], "another name is another person");
}
