//! The environments of `sam deploy`: what each sets is a parameter, and one that the template
//! takes.

use super::{parameters, python, root};

const READ: &str =
    "import json, sys, tomllib; json.dump(tomllib.load(open(sys.argv[1], 'rb')), sys.stdout)";

#[test]
fn dev_and_prod_set_parameters_that_there_are_and_prod_asks_before_it_changes_anything() {
    let path = root().join("infra/samconfig.toml");
    let config = python(&["-c", READ, path.to_str().unwrap()]);
    let parameters = parameters();

    for environment in ["dev", "prod"] {
        let deploy = &config[environment]["deploy"]["parameters"];
        let overrides = deploy["parameter_overrides"].as_str().unwrap();
        for pair in overrides.split(' ') {
            let (name, value) = pair.split_once('=').unwrap();
            let parameter = &parameters[name];
            assert!(
                super::parameters::takes(parameter, value),
                "{environment}: {pair}"
            );
        }
        assert_eq!(deploy["capabilities"], "CAPABILITY_IAM", "{environment}");
    }
    let names = ["dev", "prod"].map(|it| &config[it]["global"]["parameters"]["stack_name"]);
    assert_ne!(names[0], names[1], "both fit into one account");
    let prod = &config["prod"]["deploy"]["parameters"];
    assert_eq!(prod["confirm_changeset"], true);
    let overrides = prod["parameter_overrides"].as_str().unwrap();
    assert!(overrides.contains("Deployment=Canary") && overrides.contains("WithAlarms=yes"));
}
