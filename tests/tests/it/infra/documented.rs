//! The deploy guide, as far as it repeats the template and the code.

use std::collections::{BTreeMap, BTreeSet};

use super::{FUNCTIONS, allowed_actions, function, number, parameters, read};

#[test]
fn every_parameter_is_documented_with_its_default() {
    let documented: BTreeMap<String, String> =
        section("## Parameters").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();

    let parameters = parameters();

    let written = parameters.iter().map(|(name, parameter)| {
        let default = &parameter["Default"];
        (name.clone(), default.as_str().map_or_else(|| default.to_string(), str::to_owned))
    });
    assert_eq!(documented, written.collect());
}

#[test]
fn the_table_of_who_may_do_what_tells_time_outs_and_table_actions() {
    let rows = section("## Who may do what");

    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), FUNCTIONS);
    for row in &rows {
        let name = row[0].as_str();
        assert_eq!(row[2], format!("{} s", number(&function(name)["Timeout"])), "{name}");
        let documented: BTreeSet<String> = row[3].split(", ").map(|action| format!("dynamodb:{action}")).collect();
        let actions = allowed_actions(name).into_iter().filter(|action| action.starts_with("dynamodb:"));
        assert_eq!(documented, actions.collect(), "{name}");
    }
}

#[test]
fn the_routes_of_the_admin_api_are_those_there_are() {
    let code = read("shared/edge/src/admin/mod.rs");
    let routes = code.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());

    let documented: BTreeSet<String> = section("## Deploy")
        .iter()
        .flat_map(|row| {
            row[0]
                .split(", ")
                .map(|route| route.trim_matches('`').split_once(' ').unwrap().1.to_owned())
                .collect::<Vec<_>>()
        })
        .collect();

    assert_eq!(documented, routes.map(str::to_owned).collect());
}

/// The cells of the tables between a heading and the next of its rank, without their code marks and their heads.
fn section(heading: &str) -> Vec<Vec<String>> {
    let guide = read("infra/README.md");
    let start = guide.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("the guide has no '{heading}'"));
    let text = &guide[start + 1 + heading.len()..];
    let lines: Vec<&str> = text[..text.find("\n## ").unwrap_or(text.len())].lines().collect();
    let is_body =
        |n: &usize| lines[*n].starts_with("| ") && !lines.get(n + 1).is_some_and(|next| next.starts_with("|---"));
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    (0..lines.len()).filter(is_body).map(|n| cells(lines[n])).collect()
}
