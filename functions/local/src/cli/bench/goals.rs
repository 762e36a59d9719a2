//! What the figures should be: judged by the program, not by who reads them.

use serde_json::{Value, json};

const HEAD: &str = "\
| goal | bound | measured | |
|---|---|---|---|
";

/// One goal, and where its figure stands (a JSON pointer).
pub(super) struct Goal {
    pub(super) what: &'static str,
    pub(super) figure: &'static str,
    pub(super) bound: Bound,
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn is_kept(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    fn written(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// Adds to the figures which goals they reach.
pub(super) fn judge(figures: &mut Value, goals: &[Goal]) {
    let judged = goals.iter().map(|goal| {
        let figure = figures.pointer(goal.figure).and_then(Value::as_f64);
        json!({
            "goal": goal.what, "bound": goal.bound.written(), "measured": figure,
            "reached": figure.map(|figure| goal.bound.is_kept(figure)),
        })
    });
    figures["goals"] = judged.collect();
}

/// The same figures without a verdict, and why.
pub(super) fn leave_unjudged(figures: &mut Value, why: &str) {
    for goal in figures["goals"].as_array_mut().into_iter().flatten() {
        goal["reached"] = Value::Null;
    }
    figures["not_judged"] = json!(why);
}

/// The goals as a table; empty where the figures have none.
pub(super) fn table(figures: &Value) -> String {
    let Some(goals) = figures["goals"].as_array() else {
        return String::new();
    };
    let row = |goal: &Value| {
        let outcome = match goal["reached"].as_bool() {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None if figures["not_judged"].is_string() => "not judged",
            None => "not measured",
        };
        let text = |name: &str| goal[name].as_str().unwrap_or_default();
        let measured = cell(&goal["measured"], 3);
        let (what, bound) = (text("goal"), text("bound"));
        format!("| {what} | {bound} | {measured} | {outcome} |\n")
    };
    format!("{HEAD}{}", goals.iter().map(row).collect::<String>())
}

/// A figure with so many decimals, or a dash where there is none.
pub(super) fn cell(figure: &Value, decimals: usize) -> String {
    match figure.as_f64() {
        Some(figure) => format!("{figure:.decimals$}"),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_missed_or_not_measured() {
        let goal = |what, figure, bound| Goal {
            what,
            figure,
            bound,
        };
        let goals = [
            goal("fast", "/submit/rate", Bound::AtLeast(0.5)),
            goal("small", "/memory", Bound::AtMost(40.0)),
            goal("soon", "/latency", Bound::AtMost(6.0)),
        ];
        let mut figures = json!({ "submit": { "rate": 0.5 }, "memory": 41 });

        judge(&mut figures, &goals);

        let table = table(&figures);
        assert!(
            table.contains("| fast | ≥ 0.5 | 0.500 | reached |"),
            "{table}"
        );
        assert!(
            table.contains("| small | ≤ 40 | 41.000 | **missed** |"),
            "{table}"
        );
        assert!(
            table.contains("| soon | ≤ 6 | – | not measured |"),
            "{table}"
        );
    }

    #[test]
    fn figures_that_say_nothing_get_no_verdict_and_the_reason() {
        let goals = [Goal {
            what: "fast",
            figure: "/rate",
            bound: Bound::AtLeast(0.5),
        }];
        let mut figures = json!({ "rate": 0.1 });
        judge(&mut figures, &goals);

        leave_unjudged(&mut figures, "this is a debug build");

        assert_eq!(figures["not_judged"], "this is a debug build");
        assert!(figures["goals"][0]["reached"].is_null());
        let table = table(&figures);
        assert!(
            table.contains("| fast | ≥ 0.5 | 0.100 | not judged |"),
            "{table}"
        );
    }
}
