//! The micro-kernel's loops in this program's own machine code, and whether they keep to registers.
//!
//! Functions of one name cannot be told apart, but loops can: one of `M` rows by `N` vectors takes four `k` a turn, and so
//! has `4 M` broadcasts from memory and `4 M N` multiply-adds of a vector, which no other loop has.

use rustlstm::simd::Level;
use std::collections::BTreeMap;
use std::env;
use std::process::Command;

/// The levels whose loops are known. This CPU need not have them: the program does.
pub const LEVELS: [Level; 2] = [Level::Avx2, Level::Avx512];

/// Registers of a vector.
fn registers(level: Level) -> usize {
    if level == Level::Avx2 { 2 } else { 1 }
}

/// Accesses to the stack in a level's loop of each shape (rows, vectors), or why nobody can tell.
pub fn stack_accesses(level: Level) -> Result<BTreeMap<(usize, usize), usize>, String> {
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
            wanted = name.contains(level.short()) && name.contains("compiled");
        } else if wanted && let Some(instruction) = Instruction::read(line) {
            body.push(instruction);
            let Some(start) = instruction.jumps_back_to() else { continue };
            let first = body.iter().position(|one| one.address == start).unwrap_or(body.len());
            let turn = &body[first..];
            let inner = turn[..turn.len().max(1) - 1].iter().all(|one| one.jumps_back_to().is_none());
            if let Some(shape) = inner.then(|| shape(turn, registers(level))).flatten() {
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
fn shape(turn: &[Instruction<'_>], registers: usize) -> Option<(usize, usize)> {
    let from_memory =
        |operands: &str| operands.contains('(') && !operands.contains("%rip") && !operands.contains("%rsp");
    // With AVX-512 a multiply-add can broadcast for itself.
    let broadcasts = |one: &Instruction<'_>| one.operation == "vbroadcastss" || one.operands.contains("{1to16}");
    let broadcasts = turn.iter().filter(|one| broadcasts(one) && from_memory(one.operands)).count();
    let multiply_adds = turn.iter().filter(|one| one.operation.starts_with("vfmadd")).count();
    let (rows, vectors) = (broadcasts / 4, multiply_adds / (registers * broadcasts.max(1)));
    let fits = broadcasts == 4 * rows && multiply_adds == 4 * registers * rows * vectors;
    (fits && (1..=6).contains(&rows) && (1..=4).contains(&vectors)).then_some((rows, vectors))
}
