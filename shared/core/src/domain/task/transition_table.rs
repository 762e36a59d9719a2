//! Every cell of the table: nine states, four sub-states and five of what is deleted,
//! twenty-seven signals.

use State::{
    Admitted, Archiving, Cancelled, Completed, Failed, Submitted, Submitting, Timeout, Unknown,
};

use super::every_signal_tests::{LATER, PRICE, Row, signals, task_in};
use super::*;
use crate::domain::money::Settlement;

/// The expected content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    To(State),
    /// The same by two steps in one change.
    Through(State),
    /// A change within the same state.
    Stays,
    Same,
    No(Rejection),
}

const NO: Cell = Cell::No(Rejection::NotNow);

#[test]
fn every_cell_of_the_signals_about_runs_is_as_designed() {
    let no = NO;
    let orphan = Cell::No(Rejection::Orphan);
    let other = Cell::No(Rejection::OtherRun);
    let arch = Cell::To(Archiving);
    let fail = Cell::To(Failed);
    let same = Cell::Same;
    let to = Cell::To;
    let (on, gone) = (Row::In, Row::Deleted);
    #[rustfmt::skip]
    let table: [(Row, [Cell; 15]); 18] = [
        // started         deferred      refused ambiguous    accepted       done a  fail a  done b
        // gave up      cancel         queued        ticket came        denied      announced
        // uploaded
        (on(Admitted),           [to(Submitting), no,           no,     no,          to(Submitted), arch,   fail,   arch,   to(Timeout), to(Cancelled), Cell::Stays,  to(Submitting), no, no, no]),
        (on(Submitting),         [no,             to(Admitted), fail,   to(Unknown), to(Submitted), arch,   fail,   arch,   no,          no,          no,           no, no, no, Cell::Stays]),
        (on(Unknown),            [no,             to(Admitted), fail,   same,        to(Submitted), arch,   fail,   arch,   fail,        no,          no,           no, Cell::Stays, no, no]),
        (on(Submitted),          [no,             no,           no,     no,          same,          arch,   fail,   other,  to(Timeout), no,          no,           no, no, no, no]),
        (on(Archiving),          [no,             no,           no,     no,          same,          same,   same,   other,  fail,        no,          no,           no, no, no, no]),
        (Row::Waiting,           [no,             no,           no,     no,          same,          same,   same,   other,  fail,        no,          no,           no, no, no, no]),
        (on(Completed),          [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (Row::Refunded,          [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (Row::Unarchived,        [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (Row::UnarchivedWaiting, [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (on(Failed),             [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          no,          no,           no, no, same, no]),
        (on(Cancelled),          [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          same,        no,           no, no, same, no]),
        (on(Timeout),            [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          no,          no,           no, no, same, no]),
        (gone(Completed),        [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (Row::UnarchivedDeleted, [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (gone(Failed),           [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          no,          no,           no, no, same, no]),
        (gone(Cancelled),        [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          same,        no,           no, no, same, no]),
        (gone(Timeout),          [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          no,          no,           no, no, same, no]),
    ];

    for (row, cells) in table {
        check_row(row, &signals()[..15], &cells);
    }
}

#[test]
fn every_cell_of_the_signals_about_outputs_is_as_designed() {
    let (no, same, stay, done) = (NO, Cell::Same, Cell::Stays, Cell::To(Completed));
    let orphan = Cell::No(Rejection::Orphan);
    let (on, gone) = (Row::In, Row::Deleted);
    #[rustfmt::skip]
    let table: [(Row, [Cell; 13]); 18] = [
        //                        archived copied abandoned asked links failed refreshed gone,
        // delete, failed by operator, refund, run archived, restored, outputs removed
        (on(Admitted),           [no,      no,    no,       no,   no,          no,       no, no, Cell::To(Failed), no, no, Cell::To(Unknown), no]),
        (on(Submitting),         [no,      no,    no,       no,   no,          no,       no, no, no, no, no, Cell::To(Unknown), no]),
        (on(Unknown),            [no,      no,    no,       no,   no,          no,       no, no, Cell::To(Failed), no, no, Cell::To(Unknown), no]),
        (on(Submitted),          [no,      no,    no,       no,   no,          no,       no, no, Cell::To(Failed), no, Cell::Through(Completed), no, no]),
        (on(Archiving),          [done,    stay,  done,     no,   stay,        same,     Cell::To(Failed), no, Cell::To(Failed), no, done, no, no]),
        (Row::Waiting,           [done,    stay,  done,     no,   same,        stay,     Cell::To(Failed), no, Cell::To(Failed), no, done, no, no]),
        (on(Completed),          [same,    no,    no,       no,   no,          no,       no, stay, no, stay, same, no, no]),
        (Row::Refunded,          [same,    no,    no,       no,   no,          no,       no, stay, no, same, same, no, no]),
        (Row::Unarchived,        [stay,    stay,  no,       stay, stay,        same,     stay, stay, no, stay, stay, no, no]),
        (Row::UnarchivedWaiting, [stay,    stay,  no,       stay, same,        stay,     stay, stay, no, stay, stay, no, no]),
        (on(Failed),             [no,      no,    no,       no,   no,          no,       no, stay, no, no, orphan, no, no]),
        (on(Cancelled),          [no,      no,    no,       no,   no,          no,       no, stay, no, no, orphan, no, no]),
        (on(Timeout),            [no,      no,    no,       no,   no,          no,       no, stay, no, no, orphan, no, no]),
        (gone(Completed),         [no,      no,    no,       no,   no,          no,       no, same, no, stay, no, no, stay]),
        (Row::UnarchivedDeleted,  [no,      no,    no,       no,   no,          no,       no, same, no, stay, no, no, same]),
        (gone(Failed),            [no,      no,    no,       no,   no,          no,       no, same, no, no, orphan, no, same]),
        (gone(Cancelled),         [no,      no,    no,       no,   no,          no,       no, same, no, no, orphan, no, same]),
        (gone(Timeout),           [no,      no,    no,       no,   no,          no,       no, same, no, no, orphan, no, same]),
    ];

    for (row, cells) in table {
        check_row(row, &signals()[15..], &cells);
    }
}

fn check_row(row: Row, signals: &[Signal], cells: &[Cell]) {
    let task = task_in(row);
    for (signal, cell) in signals.iter().zip(cells) {
        let got = transition(&task, signal.clone(), LATER);
        check(&task, &got, *cell, &format!("{row:?} × {signal:?}"));
    }
}

fn check(task: &Task, got: &Result<Change, Rejected>, cell: Cell, at: &str) {
    match (got, cell) {
        (Ok(change), Cell::To(state) | Cell::Through(state)) => {
            let steps = if cell == Cell::To(state) { 1 } else { 2 };
            assert_eq!(change.task.state, state, "{at}");
            assert_eq!(change.task.version, task.version + 1, "{at}");
            assert_eq!(change.steps.len(), steps, "{at}");
            assert_eq!(change.money, expected_money(state), "{at}");
            assert_eq!(change.task.since, LATER, "{at}");
            assert!(
                change.task.sources.is_empty() || state == Archiving,
                "{at}: what is over has no sources"
            );
        }
        (Ok(change), Cell::Stays) => {
            assert_eq!(change.task.state, task.state, "{at}");
            assert_eq!(change.task.version, task.version + 1, "{at}");
            assert_eq!(change.steps.len(), 1, "{at}");
            assert_eq!(
                (change.money, change.task.charged),
                (None, task.charged),
                "{at}"
            );
            assert!(
                change.deliveries.is_empty() && change.claim.is_none(),
                "{at}"
            );
        }
        (Ok(change), Cell::Same) => {
            assert!(change.is_duplicate(), "{at}");
            assert_eq!(&change.task, task, "{at}");
            assert!(change.money.is_none() && change.jobs.is_empty(), "{at}");
        }
        (Err(rejected), Cell::No(rejection)) => assert_eq!(rejected.rejection, rejection, "{at}"),
        _ => panic!("{at}: {got:?} is not {cell:?}"),
    }
}

/// A hold is settled exactly when the task ends.
fn expected_money(state: State) -> Option<Settlement> {
    match state {
        Completed => Some(Settlement::capture(PRICE)),
        Failed | Cancelled | Timeout => Some(Settlement::release(PRICE)),
        _ => None,
    }
}
