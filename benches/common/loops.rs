//! The micro-kernel's loops in this program's own machine code, and whether they keep to registers.
//!
//! Functions of one name cannot be told apart, but loops can: one of `M` rows by `N` vectors takes four `k` a turn, and so
//! has `4 M` broadcasts from memory and `8 M N` multiply-adds (a vector is two registers), which no other loop has.

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

/// Accesses to the stack in the AVX2 loop of each shape (rows, vectors), or why nobody can tell.
pub fn stack_accesses() -> Result<BTreeMap<(usize, usize), usize>, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn"])
        .arg(program)
        .output()
        .map_err(|error| format!("objdump does not start ({error})"))?;
    let listing = String::from_utf8_lossy(&output.stdout);
    let mut found = BTreeMap::new();
    let mut body = Vec::new();
    let mut wanted = false;
    for line in listing.lines() {
        if let Some(name) = line.strip_suffix(">:") {
            body.clear();
            wanted = name.contains("avx2") && name.contains("compiled");
        } else if wanted && let Some(instruction) = Instruction::read(line) {
            body.push(instruction);
            let Some(start) = instruction.jumps_back_to() else { continue };
            let first = body.iter().position(|one| one.address == start).unwrap_or(body.len());
            let turn = &body[first..];
            let inner = turn[..turn.len().max(1) - 1].iter().all(|one| one.jumps_back_to().is_none());
            if let Some(shape) = inner.then(|| shape(turn)).flatten() {
                let accesses = turn.iter().filter(|one| one.operands.contains("(%rsp")).count();
                *found.entry(shape).or_default() += accesses;
            }
        }
    }
    Ok(found)
}

#[derive(Clone, Copy)]
struct Instruction<'a> {
    address: u64,
    operation: &'a str,
    operands: &'a str,
}

impl<'a> Instruction<'a> {
    ///   `4e3a8:	call   4ee10 <name>`
    fn read(line: &'a str) -> Option<Self> {
        let (address, text) = line.split_once(':')?;
        let (operation, operands) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Some(Instruction {
            address: u64::from_str_radix(address.trim(), 16).ok()?,
            operation,
            operands: operands.trim(),
        })
    }

    fn jumps_back_to(&self) -> Option<u64> {
        let target = self.operation.starts_with('j').then(|| self.operands.split(' ').next())??;
        u64::from_str_radix(target, 16).ok().filter(|&target| target <= self.address)
    }
}

/// Rows and vectors of a micro-kernel's loop; nothing for any other.
fn shape(turn: &[Instruction<'_>]) -> Option<(usize, usize)> {
    let from_memory =
        |operands: &str| operands.contains('(') && !operands.contains("%rip") && !operands.contains("%rsp");
    let broadcasts = turn.iter().filter(|one| one.operation == "vbroadcastss" && from_memory(one.operands)).count();
    let multiply_adds = turn.iter().filter(|one| one.operation.starts_with("vfmadd")).count();
    let (rows, vectors) = (broadcasts / 4, multiply_adds / (2 * broadcasts.max(1)));
    let fits = broadcasts == 4 * rows && multiply_adds == 8 * rows * vectors;
    (fits && (1..=6).contains(&rows) && (1..=4).contains(&vectors)).then_some((rows, vectors))
}
