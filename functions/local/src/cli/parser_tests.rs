//! What the command line's parser takes for written.

use super::*;

/// Clap would take a flag whose variable is set for written, in the usage line of an error.
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
