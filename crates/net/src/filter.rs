//! Admission in the kernel: a classic BPF program on a listening socket (DECISIONS 8, 9).
//!
//! A program is a binary search over the sorted, disjoint ranges of admitted source addresses. The
//! source address is read relative to the network header, which a filter on a TCP socket can still
//! reach. Returning 0 drops the packet: on a listening socket, the SYN.

mod attempts;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use socket2::SockRef;

/// The kernel's limit (`BPF_MAXINSNS`).
pub const INSTRUCTIONS_MAX: usize = 4096;

/// linux/filter.h: offsets from here on are relative to the network header.
const NETWORK_HEADER: u32 = (-0x10_0000_i32) as u32;
/// RFC 791 §3.1.
const V4_SOURCE: u32 = 12;
/// RFC 8200 §3.
const V6_SOURCE: u32 = 8;

/// Where the network header is, for who runs a program.
#[derive(Clone, Copy)]
enum Header {
    /// Somewhere before the data: a TCP socket's own filter.
    Before,
    /// The data begins with it: a packet socket's.
    First,
}

const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K
/// A smaller number would cut the payload off.
const PASS: u32 = u32::MAX;
const DROP: u32 = 0;

/// One instruction: operation, jump if true, jump if false, operand.
type Instruction = (u16, u8, u8, u32);

/// A compiled filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

/// The ranges need more than [`INSTRUCTIONS_MAX`] instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Program {
    /// Admits the addresses of inclusive ranges, which are sorted and disjoint.
    pub fn compile_v4(ranges: &[(Ipv4Addr, Ipv4Addr)]) -> Result<Program, TooLarge> {
        compile(&edges_v4(ranges), Header::Before.at(V4_SOURCE))
    }

    /// As [`Program::compile_v4`], for IPv6.
    pub fn compile_v6(ranges: &[(Ipv6Addr, Ipv6Addr)]) -> Result<Program, TooLarge> {
        compile(&edges_v6(ranges), Header::Before.at(V6_SOURCE))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Header {
    const fn at(self, offset: u32) -> u32 {
        match self {
            Header::Before => NETWORK_HEADER.wrapping_add(offset),
            Header::First => offset,
        }
    }
}

/// Puts a program on a socket, in place of the one before. Needs CAP_NET_ADMIN on TCP sockets.
pub fn attach(socket: &impl AsFd, program: &Program) -> io::Result<()> {
    let filters: Vec<socket2::SockFilter> = program
        .0
        .iter()
        .map(|(code, if_true, if_false, operand)| {
            socket2::SockFilter::new(*code, *if_true, *if_false, *operand)
        })
        .collect();
    SockRef::from(socket).attach_filter(&filters)
}

/// Takes the program off a socket; it is no error if there is none.
pub fn detach(socket: &impl AsFd) -> io::Result<()> {
    match SockRef::from(socket).detach_filter() {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}

fn edges_v4(ranges: &[(Ipv4Addr, Ipv4Addr)]) -> Vec<[u32; 1]> {
    let ranges = ranges.iter().map(|(a, b)| (u32::from(*a).into(), u32::from(*b).into()));
    edges(ranges, u32::MAX.into()).map(|edge| [edge as u32]).collect()
}

fn edges_v6(ranges: &[(Ipv6Addr, Ipv6Addr)]) -> Vec<[u32; 4]> {
    let ranges = ranges.iter().map(|(a, b)| (u128::from(*a), u128::from(*b)));
    let words = |edge: u128| [96, 64, 32, 0].map(|shift| (edge >> shift) as u32);
    edges(ranges, u128::MAX).map(words).collect()
}

/// Where the answer changes, beginning with "no": the first address of each range and the first
/// after it, in ascending order.
fn edges(ranges: impl Iterator<Item = (u128, u128)>, greatest: u128) -> impl Iterator<Item = u128> {
    let mut edges: Vec<u128> = Vec::new();
    for (first, last) in ranges {
        if edges.last() == Some(&first) {
            edges.pop();
        } else {
            edges.push(first);
        }
        if last < greatest {
            edges.push(last + 1);
        }
    }
    edges.into_iter()
}

fn compile<const N: usize>(edges: &[[u32; N]], source: u32) -> Result<Program, TooLarge> {
    if edges.len() > INSTRUCTIONS_MAX {
        return Err(TooLarge);
    }
    // One word stays in the accumulator for the whole search.
    let mut code = if N == 1 { vec![load(source, 0)] } else { Vec::new() };
    code.append(&mut search(edges, DROP, source));
    if code.len() > INSTRUCTIONS_MAX { Err(TooLarge) } else { Ok(Program(code)) }
}

/// Code that answers for an address among these edges; before the first, the answer is `answer`.
fn search<const N: usize>(edges: &[[u32; N]], answer: u32, source: u32) -> Vec<Instruction> {
    let middle = edges.len() / 2;
    let Some(edge) = edges.get(middle) else { return vec![(RETURN, 0, 0, answer)] };
    let crossed = |count: usize| if count.is_multiple_of(2) { answer } else { PASS - answer };
    let mut before = search(&edges[..middle], answer, source);
    let mut after = search(&edges[middle + 1..], crossed(middle + 1), source);
    let mut code = compare(edge, source, before.len());
    code.append(&mut before);
    code.append(&mut after);
    code
}

/// Code that goes on right behind itself if the address is less than `edge`, else `skip`
/// instructions further. Words of the edge that are zero to the end need not be looked at.
fn compare<const N: usize>(edge: &[u32; N], source: u32, skip: usize) -> Vec<Instruction> {
    let significant = edge.iter().rposition(|word| *word != 0).map_or(1, |at| at + 1);
    let loads = usize::from(N > 1);
    // All words but the last take a load and two jumps.
    let length = (significant - 1) * (loads + 2) + loads + 1;
    // Conditional jumps reach 255 instructions; an unconditional one behind the code reaches all.
    let far = length + skip > usize::from(u8::MAX);
    let end = length + usize::from(far);
    let target = if far { length } else { length + skip };
    let mut code = Vec::with_capacity(end);
    for (at, word) in edge.iter().enumerate().take(significant) {
        if N > 1 {
            code.push(load(source, at));
        }
        let reach = |from: usize, to: usize| (to - from - 1) as u8;
        if at + 1 == significant {
            code.push((JUMP_IF_AT_LEAST, reach(code.len(), target), reach(code.len(), end), *word));
        } else {
            code.push((JUMP_IF_GREATER, reach(code.len(), target), 0, *word));
            code.push((JUMP_IF_EQUAL, 0, reach(code.len(), end), *word));
        }
    }
    if far {
        code.push((JUMP, 0, 0, skip as u32));
    }
    code
}

fn load(source: u32, word: usize) -> Instruction {
    (LOAD_WORD, 0, 0, source.wrapping_add(4 * word as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    use proptest::prelude::*;

    /// What the kernel does with a program and a packet whose network header is `header`.
    fn interpret(program: &Program, header: &[u8]) -> u32 {
        let (mut at, mut accumulator) = (0usize, 0u32);
        loop {
            let (code, if_true, if_false, operand) = program.0[at];
            at += 1;
            match code {
                LOAD_WORD => {
                    let offset = operand.wrapping_sub(NETWORK_HEADER) as usize;
                    accumulator =
                        u32::from_be_bytes(header[offset..offset + 4].try_into().unwrap());
                }
                JUMP => at += operand as usize,
                JUMP_IF_GREATER => {
                    at += usize::from(if accumulator > operand { if_true } else { if_false })
                }
                JUMP_IF_AT_LEAST => {
                    at += usize::from(if accumulator >= operand { if_true } else { if_false })
                }
                JUMP_IF_EQUAL => {
                    at += usize::from(if accumulator == operand { if_true } else { if_false })
                }
                RETURN => return operand,
                other => panic!("instruction {other}"),
            }
        }
    }

    fn header_v4(source: Ipv4Addr) -> Vec<u8> {
        let mut header = vec![0; 20];
        header[12..16].copy_from_slice(&source.octets());
        header
    }

    fn header_v6(source: Ipv6Addr) -> Vec<u8> {
        let mut header = vec![0; 40];
        header[8..24].copy_from_slice(&source.octets());
        header
    }

    fn disjoint<T: Ord + Copy>(mut bounds: Vec<T>) -> Vec<(T, T)> {
        bounds.sort_unstable();
        bounds.dedup();
        bounds.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }

    proptest! {
        #[test]
        fn v4_admits_exactly_the_ranges(bounds in prop::collection::vec(any::<u32>(), 0..800), other in any::<u32>()) {
            let ranges = disjoint(bounds.clone());
            let addresses: Vec<_> = ranges.iter().map(|(a, b)| (Ipv4Addr::from(*a), Ipv4Addr::from(*b))).collect();
            let program = Program::compile_v4(&addresses).unwrap();
            let near = bounds.iter().flat_map(|b| [b.wrapping_sub(1), *b, b.wrapping_add(1)]).chain([other, 0, u32::MAX]);
            for address in near {
                let expected = ranges.iter().any(|(a, b)| (*a..=*b).contains(&address));
                let verdict = interpret(&program, &header_v4(address.into()));
                prop_assert_eq!(verdict, if expected { PASS } else { DROP }, "{}", Ipv4Addr::from(address));
            }
        }

        #[test]
        fn v6_admits_exactly_the_ranges(bounds in prop::collection::vec(any::<u128>(), 0..150), other in any::<u128>()) {
            let ranges = disjoint(bounds.clone());
            let addresses: Vec<_> = ranges.iter().map(|(a, b)| (Ipv6Addr::from(*a), Ipv6Addr::from(*b))).collect();
            let program = Program::compile_v6(&addresses).unwrap();
            let near = bounds.iter().flat_map(|b| [b.wrapping_sub(1), *b, b.wrapping_add(1)]).chain([other, 0, u128::MAX]);
            for address in near {
                let expected = ranges.iter().any(|(a, b)| (*a..=*b).contains(&address));
                let verdict = interpret(&program, &header_v6(address.into()));
                prop_assert_eq!(verdict, if expected { PASS } else { DROP }, "{}", Ipv6Addr::from(address));
            }
        }
    }

    #[test]
    fn too_many_ranges_are_refused() {
        let many: Vec<_> =
            (0..5000u32).map(|i| (Ipv4Addr::from(i * 2), Ipv4Addr::from(i * 2))).collect();
        assert_eq!(Program::compile_v4(&many), Err(TooLarge));
        assert!(Program::compile_v4(&many[..900]).is_ok());
    }

    #[test]
    fn the_kernel_drops_outsiders() {
        let office = (Ipv4Addr::new(127, 10, 0, 0), Ipv4Addr::new(127, 10, 255, 255));
        let listener = crate::listen::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let program = Program::compile_v4(&[office]).unwrap();
        if let Err(error) = attach(&listener, &program) {
            assert!(std::env::var_os("CI").is_none(), "socket filters need CAP_NET_ADMIN: {error}");
            eprintln!("SKIPPED the_kernel_drops_outsiders: {error}");
            return;
        }
        let from = |last: [u8; 4], limit: u64| -> io::Result<TcpStream> {
            crate::stream::connect_from(
                Ipv4Addr::from(last).into(),
                address,
                Duration::from_millis(limit),
            )
        };
        assert_eq!(from([127, 20, 0, 1], 300).unwrap_err().kind(), io::ErrorKind::TimedOut);
        from([127, 10, 0, 1], 5000).unwrap();
        let guests = (Ipv4Addr::new(127, 20, 0, 0), Ipv4Addr::new(127, 20, 255, 255));
        attach(&listener, &Program::compile_v4(&[guests]).unwrap()).unwrap();
        from([127, 20, 0, 1], 5000).unwrap();
        assert_eq!(from([127, 10, 0, 1], 300).unwrap_err().kind(), io::ErrorKind::TimedOut);
        detach(&listener).unwrap();
        detach(&listener).unwrap();
        from([127, 10, 0, 1], 5000).unwrap();
    }
}
