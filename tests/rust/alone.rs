//! Tests in processes of their own, for what a process has only one of, such as its pool of threads.

use rustlstm::threads::NUM_THREADS_VARIABLE;
use std::env;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Set in a process that runs a single test: its name.
pub const ALONE: &str = "RUSTLSTM_TEST_ALONE";
/// The program that runs this one, if it is for another kind of CPU.
const RUNNER: &str = "RUSTLSTM_TEST_RUNNER";
/// Far above what any of these tests takes, and so a hang.
const HANG: Duration = Duration::from_secs(240);

/// Says whether this process runs the test `name`, with the path of its module, alone. If not, starts one that does, and passes its verdict on.
pub fn alone(name: &str) -> bool {
    if env::var(ALONE).as_deref() == Ok(name) {
        return true;
    }
    let (success, output) = start_alone(name, |_| ());
    assert!(success && output.contains("1 passed"), "{output}");
    print!(
        "{}",
        output.lines().filter(|line| line.starts_with("  ")).fold(String::new(), |all, line| all + line + "\n")
    );
    false
}

/// Runs a test in a process of its own, and returns whether it went well and what it printed.
pub fn start_alone(name: &str, set_up: impl Fn(&mut Command)) -> (bool, String) {
    let program = env::current_exe().expect("the test knows its own program");
    let mut command = match env::var_os(RUNNER) {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args([name, "--exact", "--include-ignored", "--nocapture"]);
    command.env(ALONE, name).env_remove(NUM_THREADS_VARIABLE).stdout(Stdio::piped());
    set_up(&mut command);
    let mut child = command.spawn().expect("a second process of the test program");
    let mut stdout = child.stdout.take().expect("its output is piped");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("the output is text");
        text
    });
    let start = Instant::now();
    let success = loop {
        match child.try_wait().expect("the process can be waited for") {
            Some(status) => break status.success(),
            None if start.elapsed() > HANG => {
                child.kill().expect("the process can be ended");
                child.wait().expect("the process has ended");
                panic!("{name} hangs");
            }
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    (success, reader.join().expect("the output was read"))
}
