//! Statements about many things at once. Their text is put together of constants alone: how often
//! a constant is repeated is all that varies, and values are parameters in any case.

use std::fmt::Write as _;

use mysql::prelude::Queryable;
use mysql::{Params, Row, Value};

/// Things in one statement. Servers take lists of more than 1000 values for something else than a
/// list, and a key has three.
pub(super) const MANY: usize = 256;

/// `head`, so many times `one` with `between` between, `tail`.
pub(super) struct Statement {
    pub(super) head: &'static str,
    pub(super) one: &'static str,
    pub(super) between: &'static str,
    pub(super) tail: &'static str,
}

impl Statement {
    fn text(&self, count: usize) -> String {
        let mut text = String::with_capacity(
            self.head.len() + (self.one.len() + self.between.len()) * count + self.tail.len(),
        );
        text.push_str(self.head);
        for n in 0..count {
            let between = if n == 0 { "" } else { self.between };
            write!(text, "{between}{}", self.one).expect("writing to a String cannot fail");
        }
        text.push_str(self.tail);
        text
    }

    /// Asks about all of `items`, which become parameters by `values`. Lists are filled up with
    /// their last item, so that few different texts have to be prepared.
    pub(super) fn ask<T>(
        &self,
        conn: &mut impl Queryable,
        items: &[T],
        values: impl Fn(&T, &mut Vec<Value>),
    ) -> Result<Vec<Row>, mysql::Error> {
        let mut rows = Vec::new();
        for chunk in items.chunks(MANY) {
            let (text, params) = self.filled_up(chunk, &values);
            rows.extend(conn.exec::<Row, _, _>(text, params)?);
        }
        Ok(rows)
    }

    /// As [`Self::ask`], for statements without an answer and for which a repeated item changes
    /// nothing.
    pub(super) fn tell<T>(
        &self,
        conn: &mut impl Queryable,
        items: &[T],
        values: impl Fn(&T, &mut Vec<Value>),
    ) -> Result<(), mysql::Error> {
        for chunk in items.chunks(MANY) {
            let (text, params) = self.filled_up(chunk, &values);
            conn.exec_drop(text, params)?;
        }
        Ok(())
    }

    fn filled_up<T>(&self, chunk: &[T], values: impl Fn(&T, &mut Vec<Value>)) -> (String, Params) {
        let count = chunk.len().next_power_of_two();
        let mut params = Vec::new();
        for n in 0..count {
            values(&chunk[n.min(chunk.len() - 1)], &mut params);
        }
        (self.text(count), Params::Positional(params))
    }

    /// Inserts each of `items` once, in this order; gives what the statements return, if anything.
    /// `bytes` says how large one is; a statement ends where it would not fit into a packet any
    /// more.
    pub(super) fn insert<T>(
        &self,
        conn: &mut impl Queryable,
        items: &[T],
        bytes: impl Fn(&T) -> usize,
        values: impl Fn(&T, &mut Vec<Value>),
    ) -> Result<Vec<Row>, mysql::Error> {
        let (mut rest, mut rows) = (items, Vec::new());
        while !rest.is_empty() {
            let count = share(rest, &bytes);
            let (chunk, behind) = rest.split_at(count);
            let mut params = Vec::new();
            chunk.iter().for_each(|item| values(item, &mut params));
            rows.extend(conn.exec::<Row, _, _>(self.text(count), Params::Positional(params))?);
            rest = behind;
        }
        Ok(rows)
    }
}

/// Bytes of one statement; servers take 16 MiB unless they are told otherwise.
const BYTES_MAX: usize = 1 << 20;

/// How many of `items` go into the next statement: a power of two, so that few different texts
/// have to be prepared.
fn share<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> usize {
    let mut budget = BYTES_MAX;
    let affordable = items.iter().take(MANY).take_while(|item| {
        let left = budget.checked_sub(bytes(item));
        budget = left.unwrap_or(0);
        left.is_some()
    });
    let count = affordable.count().max(1);
    1 << count.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Statement = Statement { head: "IN (", one: "?", between: ",", tail: ")" };

    #[test]
    fn a_text_repeats_its_middle() {
        assert_eq!(LIST.text(1), "IN (?)");
        assert_eq!(LIST.text(3), "IN (?,?,?)");
    }

    #[test]
    fn lists_are_filled_up_with_their_last_item() {
        let (text, params) = LIST.filled_up(&[7, 8, 9], |n, params| params.push(Value::Int(*n)));
        assert_eq!(text, "IN (?,?,?,?)");
        let Params::Positional(params) = params else { panic!("they have no names") };
        assert_eq!(params, [7, 8, 9, 9].map(Value::Int));
    }

    #[test]
    fn a_share_is_a_power_of_two_within_rows_and_bytes() {
        let shares = |sizes: &[usize]| share(sizes, |size| *size);
        assert_eq!(shares(&[1]), 1);
        assert_eq!(shares(&[1; 7]), 4);
        assert_eq!(shares(&[1; 1000]), MANY);
        assert_eq!(shares(&[BYTES_MAX / 3; 10]), 2);
        assert_eq!(shares(&[BYTES_MAX * 2; 10]), 1, "one goes in any case");
    }
}
