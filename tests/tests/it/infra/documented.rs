//! The deploy guide, as far as it repeats the template and the code.

use std::collections::{BTreeMap, BTreeSet};

use super::{FUNCTIONS, allowed_actions, function, number, parameters, read, sources};

const WALKTHROUGH: &str = "shared/docs/guides/aws.md";
const REFERENCE: &str = "infra/README.md";

#[test]
fn every_parameter_is_documented_with_its_default() {
    let documented: BTreeMap<String, String> = section(REFERENCE, "## Parameters")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();

    let parameters = parameters();

    let written = parameters.iter().map(|(name, parameter)| {
        let default = &parameter["Default"];
        (
            name.clone(),
            default
                .as_str()
                .map_or_else(|| default.to_string(), str::to_owned),
        )
    });
    assert_eq!(documented, written.collect());
}

#[test]
fn the_table_of_who_may_do_what_tells_time_outs_and_table_actions() {
    let rows = section(REFERENCE, "## Who may do what");

    assert_eq!(
        rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(),
        FUNCTIONS
    );
    for row in &rows {
        let name = row[0].as_str();
        assert_eq!(
            row[2],
            format!("{} s", number(&function(name)["Timeout"])),
            "{name}"
        );
        let documented: BTreeSet<String> = row[3]
            .split(", ")
            .map(|action| format!("dynamodb:{action}"))
            .collect();
        let actions = allowed_actions(name)
            .into_iter()
            .filter(|action| action.starts_with("dynamodb:"));
        assert_eq!(documented, actions.collect(), "{name}");
    }
}

#[test]
fn the_routes_of_the_admin_api_are_those_there_are() {
    let code = sources("shared/edge/src/admin");
    let described = code.split(", path = \"").skip(1);
    let mut routes: BTreeSet<String> = described
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    routes.insert("/admin/v1/openapi.json".to_owned());
    assert!(routes.len() > 20, "the routes were not found");

    let documented: BTreeSet<String> = section("shared/docs/reference/admin-api.md", "## Routes")
        .iter()
        .flat_map(|row| {
            row[0]
                .split(", ")
                .map(|route| {
                    route
                        .trim_matches('`')
                        .split_once(' ')
                        .unwrap()
                        .1
                        .to_owned()
                })
                .collect::<Vec<_>>()
        })
        .collect();

    assert_eq!(documented, routes);
}

/// Commands that a reader pastes one by one use only variables that an earlier command sets. The
/// shell's own are not asked about. The reference goes on in the shell of the walkthrough.
#[test]
fn every_variable_of_the_guides_commands_is_set_by_an_earlier_one() {
    let mut set = BTreeSet::from(["1", "@"].map(str::to_owned));
    for guide in [WALKTHROUGH, REFERENCE] {
        let text = read(guide);
        let mut used = 0;
        for statement in commands(&text).flat_map(|line| line.split(';')) {
            for name in variables(statement) {
                used += 1;
                assert!(set.contains(name), "{guide}: ${name} in: {statement}");
            }
            set.extend(assigned(statement).into_iter().map(str::to_owned));
        }
        assert!(used > 2, "{guide}: only {used} variables were seen");
    }
}

#[test]
fn the_walkthrough_names_the_region_for_the_aws_cli_and_for_sam() {
    let region = read(WALKTHROUGH)
        .lines()
        .find(|line| line.starts_with("$ export AWS_REGION="))
        .map(str::to_owned);

    assert!(region.is_some_and(|line| line.contains(" AWS_DEFAULT_REGION=")));
}

/// The lines of the console blocks, comments aside.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text
        .split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().unwrap_or(line))
}

/// `$NAME` and `${NAME…}`; `$(…)` and what a single quote keeps are none.
fn variables(line: &str) -> impl Iterator<Item = &str> {
    line.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        (end > 0).then_some(&rest[..end])
    })
}

/// What a command sets: `NAME=`, `read NAME`, `for NAME in`, and the credentials that the AWS CLI
/// exports.
fn assigned(statement: &str) -> Vec<&str> {
    if statement.contains("export-credentials") {
        return vec![
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ];
    }
    let after = |word| {
        statement
            .strip_prefix(word)
            .and_then(|rest| rest.split_whitespace().next())
    };
    let words = statement
        .split([' ', '('])
        .filter_map(|word| word.split_once('='))
        .map(|(name, _)| name);
    words
        .chain(after("$ read -rs "))
        .chain(after("$ for "))
        .collect()
}

/// The cells of the tables between a heading of a page and the next of its rank, without their code
/// marks and their heads.
pub(super) fn section(page: &str, heading: &str) -> Vec<Vec<String>> {
    let guide = read(page);
    let start = guide
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("{page} has no '{heading}'"));
    let text = &guide[start + 1 + heading.len()..];
    let lines: Vec<&str> = text[..text.find("\n## ").unwrap_or(text.len())]
        .lines()
        .collect();
    let is_body = |n: &usize| {
        lines[*n].starts_with("| ")
            && !lines
                .get(n + 1)
                .is_some_and(|next| next.starts_with("|---"))
    };
    let cells = |line: &str| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    (0..lines.len())
        .filter(is_body)
        .map(|n| cells(lines[n]))
        .collect()
}
