//! What takes long. Pure.

pub(crate) const CELLS: usize = 81;

/// Fills the blanks, that with the fewest choices first; `None` if there are not `guesses` enough.
pub(crate) fn solve(cells: &mut [u8; CELLS], guesses: &mut u32) -> Option<bool> {
    *guesses = guesses.checked_sub(1)?;
    // The row, the column and the box of a cell.
    let units = |at: usize| [at / 9, 9 + at % 9, 18 + at / 27 * 3 + at % 9 / 3];
    let mut used = [0_u16; 27];
    for (at, &value) in cells.iter().enumerate().filter(|&(_, &value)| value != 0) {
        for unit in units(at) {
            if used[unit] & (1 << value) != 0 {
                return Some(false); // the same value twice
            }
            used[unit] |= 1 << value;
        }
    }
    let blanks = (0..CELLS).filter(|&at| cells[at] == 0);
    let taken = blanks.map(|at| (at, units(at).iter().fold(0, |all, &unit| all | used[unit])));
    let Some((at, taken)) = taken.max_by_key(|(_, taken)| taken.count_ones()) else {
        return Some(true);
    };
    for value in (1..=9).filter(|value| taken & (1 << value) == 0) {
        cells[at] = value;
        if solve(cells, guesses)? {
            return Some(true);
        }
    }
    cells[at] = 0;
    Some(false)
}
