//! The definition of the command line: that of its types, with the variables of settings.

use clap::CommandFactory as _;

use super::Cli;

/// The whole command line, as it is parsed and as help, completions and man pages tell it.
pub(super) fn definition() -> clap::Command {
    with_negative_numbers(naming_variables(Cli::command()))
}

/// Adds to each flag of `serve` the variable that the settings take it from: they, not the parser,
/// read the environment.
fn naming_variables(command: clap::Command) -> clap::Command {
    let named = |arg: clap::Arg| {
        let is_of_output = ["json", "quiet", "help"].contains(&arg.get_id().as_str());
        let is_setting = arg.get_env().is_none() && !is_of_output;
        let Some(name) = arg.get_long().filter(|_| is_setting) else {
            return arg;
        };
        let variable = name.to_uppercase().replace('-', "_");
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help} [env: FLUXGATE_{variable}]"))
    };
    command.mut_subcommand("serve", |serve| serve.mut_args(named))
}

/// Takes a negative number as a value, so that its parser can say what is wrong with it.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let options = |arg: clap::Arg| {
        let takes_one = arg.get_long().is_some() && arg.get_action().takes_values();
        if takes_one {
            arg.allow_negative_numbers(true)
        } else {
            arg
        }
    };
    command
        .mut_args(options)
        .mut_subcommands(with_negative_numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clap would put a flag whose variable is set into the usage line of an error, and take it
    /// for written.
    #[test]
    fn the_parser_reads_no_variable() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments() {
                assert_eq!(arg.get_env(), None, "{}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&definition());
    }
}
