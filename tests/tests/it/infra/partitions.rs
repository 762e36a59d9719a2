//! The stack in any part of AWS: China and GovCloud have ARNs of their own.

use serde_json::Value;

use super::written;

/// What people read, and what says which values a parameter takes.
const TEXTS: [&str; 3] = ["Description", "ConstraintDescription", "AllowedPattern"];

#[test]
fn no_arn_of_a_template_names_the_partition() {
    for path in ["infra/template.yaml", "infra/tenant-bucket.yaml"] {
        let mut arns = 0;
        let template = written(path);
        for part in ["Parameters", "Mappings", "Globals", "Resources", "Outputs"] {
            check(&format!("{path} {part}"), &template[part], &mut arns);
        }
        assert!(arns > 2, "{path}: only {arns} ARNs were found");
    }
}

fn check(place: &str, node: &Value, arns: &mut usize) {
    match node {
        Value::String(text) => {
            let place_of_one = text.matches("arn:").count();
            let partitioned = text.matches("arn:${AWS::Partition}:").count();
            assert_eq!(place_of_one, partitioned, "{place}: {text}");
            for suffix in [".amazonaws.com/", ".amazonaws.com:", ".on.aws"] {
                assert!(!text.contains(suffix), "{place}: {text}");
            }
            *arns += partitioned;
        }
        Value::Array(parts) => parts.iter().for_each(|it| check(place, it, arns)),
        Value::Object(parts) => {
            for (name, it) in parts {
                if !(TEXTS.contains(&name.as_str()) && it.is_string()) {
                    check(&format!("{place}.{name}"), it, arns);
                }
            }
        }
        _ => {}
    }
}
