//! `fcc-device`: simulated gateways on the command line. What they do is in `fcc::serve`.

use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::generate_to;
use fcc::device::{Build, Device, End, Fault, Store, Transport};
use fcc::line::{self, BAUD, PseudoTerminal};
use fcc::serve::{Gateway, live_on_a_line};
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a shell shows for a program that died by abort signal.
const ABORTED: u8 = 128 + 6;

/// How long a gateway that has ended waits for its last words to be read.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A simulated gateway that waits for its identity as the Factory Configurator Client does.
///
/// It prints one line `Client IP Address and Port :  ADDRESS:PORT` for each gateway, takes one
/// session, and ends with the client's exit status: 0 when the last reply went out (whatever it
/// said), 1 when a frame was unreadable, 134 when the client would have aborted. Of several
/// gateways the highest status counts.
#[derive(Parser)]
#[command(name = "fcc-device", version, after_help = Fault::HELP)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Command {
    /// Print what a gateway stored: `name  hex`, one line an item. A chain's first certificate
    /// stands under the plain name, the others as `name#1`...; what is no item as `@name`.
    Dump {
        /// The folder given to `--store`.
        #[arg(long, value_name = "DIR")]
        store: PathBuf,
    },
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder that is there.
    Manual {
        /// The folder.
        dir: PathBuf,
    },
}

#[derive(Args)]
struct Run {
    /// Where to listen. Port 0 gives a random port; of several gateways each takes the next port.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7777")]
    listen: SocketAddr,
    /// Stand at the end of a serial line in the place of a port: at PATH, or, without one, at a
    /// pseudo-terminal that is made, whose other end is printed.
    #[arg(long, value_name = "PATH", num_args = 0..=1, conflicts_with_all = ["listen", "count"])]
    serial: Option<Option<PathBuf>>,
    /// Bits a second of that line.
    #[arg(long, value_name = "BAUD", default_value_t = BAUD, requires = "serial")]
    baud: u32,
    /// Folder to keep what is injected, over restarts. Several gateways use DIR/1, DIR/2... The
    /// default is memory.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// How many gateways.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u16,
    /// Start a new life on the same store after each end.
    #[arg(long)]
    keep: bool,
    /// Behave as a client built without the erase at the first message.
    #[arg(long)]
    no_erase: bool,
    /// Behave as a client built for a board without a random generator: it makes a key only when
    /// the station gives it entropy no later than it asks for the key.
    #[arg(long)]
    no_entropy: bool,
    /// Do something wrong; see below.
    #[arg(long, value_name = "FAULT")]
    fault: Option<Fault>,
}

/// A sentence about an error, and what to do about it.
#[derive(Debug)]
struct Advice(String, &'static str);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match command(Cli::parse()).await {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(Advice(_, hint)) = error.downcast_ref() {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn command(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Some(Command::Dump { store }) => dump(&store).map(|()| ExitCode::SUCCESS),
        Some(Command::Completions { shell }) => {
            generate(shell, &mut Cli::command(), "fcc-device", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Manual { dir }) => generate_to(Cli::command(), &dir)
            .with_context(|| {
                let said = format!("cannot write into {}", dir.display());
                Advice(said, "name a folder that is there and that you can write")
            })
            .map(|()| ExitCode::SUCCESS),
        None => run(&cli.run).await,
    }
}

async fn run(run: &Run) -> anyhow::Result<ExitCode> {
    if let Some(path) = &run.serial {
        return run_on_a_line(run, path.as_deref()).await;
    }
    let mut gateways = Vec::new();
    for number in 0..run.count {
        let gateway = start(run, number)?;
        say(&format!("Client IP Address and Port :  {}", gateway.address()))?;
        gateways.push(gateway);
    }
    let mut worst = 0;
    for gateway in gateways {
        let (_, end) = gateway
            .ended()
            .await
            .context(Advice("the port failed".to_owned(), "start the gateway again"))?;
        worst = worst.max(exit_status(end));
    }
    Ok(ExitCode::from(worst))
}

fn build(run: &Run, transport: Transport) -> Build {
    Build { erases: !run.no_erase, has_entropy: !run.no_entropy, transport }
}

fn exit_status(end: End) -> u8 {
    match end {
        End::Exit(status) => status,
        End::Abort => ABORTED,
    }
}

async fn run_on_a_line(run: &Run, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let device = Device::start(build(run, Transport::Serial), store(run, 0)?, run.fault);
    if let Some(path) = path {
        let mut line = line::open(path, run.baud).with_context(|| {
            let said = format!("cannot open the serial line {}", path.display());
            Advice(said, "give the line's device file, and see that no other program has it")
        })?;
        return lives(run, device, &mut line).await;
    }
    let mut line = PseudoTerminal::new().context(Advice(
        "no pseudo-terminal can be made".to_owned(),
        "give a line with --serial PATH",
    ))?;
    say(&format!("Client serial line :  {}", line.path().display()))?;
    let end = lives(run, device, &mut line).await;
    drop(line.drained(LAST_WORDS).await);
    end
}

async fn lives<L>(run: &Run, mut device: Device, line: &mut L) -> anyhow::Result<ExitCode>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let (ended, end) = live_on_a_line(line, device).await.context(Advice(
            "the line failed".to_owned(),
            "see that the cable is in, and start the gateway again",
        ))?;
        if !run.keep {
            return Ok(ExitCode::from(exit_status(end)));
        }
        device = ended.restart();
    }
}

fn start(run: &Run, number: u16) -> anyhow::Result<Gateway> {
    let mut address = run.listen;
    if address.port() != 0 {
        let port = address.port().checked_add(number).context(Advice(
            "there are not so many ports".to_owned(),
            "give a lower port, or fewer gateways",
        ))?;
        address.set_port(port);
    }
    let store = store(run, number)?;
    let device = Device::start(build(run, Transport::Tcp), store, run.fault);
    Gateway::start(address, device, run.keep).with_context(|| {
        let said = format!("cannot listen on {address}");
        Advice(said, "stop what listens there, or give --listen ADDRESS:PORT; port 0 is a free one")
    })
}

fn store(run: &Run, number: u16) -> anyhow::Result<Store> {
    let Some(folder) = &run.store else { return Ok(Store::in_memory()) };
    let folder =
        if run.count == 1 { folder.clone() } else { folder.join((number + 1).to_string()) };
    Store::in_folder(&folder).with_context(|| {
        let said = format!("cannot use the folder {}", folder.display());
        Advice(said, "give a folder that you can write, with --store DIR")
    })
}

fn dump(folder: &Path) -> anyhow::Result<()> {
    let store = Store::look(folder).with_context(|| {
        let said = format!("there is no gateway's store in {}", folder.display());
        Advice(said, "give the folder that a gateway was started with: --store DIR")
    })?;
    for (name, content) in store.listing() {
        let hex: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
        say(&format!("{name}  {hex}"))?;
    }
    Ok(())
}

/// Whoever waits for a line in a pipe gets it at once.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
