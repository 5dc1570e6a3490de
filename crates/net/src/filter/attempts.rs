//! Programs for packet sockets that pass connection attempts: a SYN to one of some ports, from one of
//! some addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    DROP, Header, INSTRUCTIONS_MAX, Instruction, JUMP_IF_EQUAL, PASS, Program, RETURN, TooLarge,
    V4_SOURCE, V6_SOURCE, compile, edges_v4, edges_v6,
};

/// More are not told apart in the kernel: a jump reaches 255 instructions.
const PORTS_MAX: usize = 200;

const LOAD_BYTE: u16 = 0x30; // BPF_LD | BPF_B | BPF_ABS
const LOAD_HALF: u16 = 0x28; // BPF_LD | BPF_H | BPF_ABS
const LOAD_BYTE_BEHIND: u16 = 0x50; // BPF_LD | BPF_B | BPF_IND
const LOAD_HALF_BEHIND: u16 = 0x48; // BPF_LD | BPF_H | BPF_IND
const INDEX_IMMEDIATE: u16 = 0x01; // BPF_LDX | BPF_W | BPF_IMM
const INDEX_HEADER_LENGTH: u16 = 0xb1; // BPF_LDX | BPF_B | BPF_MSH
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP_IF_SET: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K

/// linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE; linux/if_packet.h: PACKET_HOST.
const PACKET_TYPE: u32 = (-0x1000_i32 + 4) as u32;
const TO_THIS_HOST: u32 = 0;

/// RFC 791 §3.1.
const V4_FRAGMENT: u32 = 6;
const V4_FRAGMENT_OFFSET: u32 = 0x1fff;
const V4_PROTOCOL: u32 = 9;
/// RFC 8200 §3. A SYN behind extension headers is not looked for.
const V6_NEXT_HEADER: u32 = 6;
const V6_HEADER: u32 = 40;
/// RFC 9293 §3.1.
const TCP: u32 = 6;
const DESTINATION_PORT: u32 = 2;
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const SYN_OR_ACK: u32 = 0x12;

impl Program {
    /// Passes no packet.
    pub fn nothing() -> Program {
        Program(vec![(RETURN, 0, 0, DROP)])
    }

    /// Passes a SYN over IPv4 to one of the ports, from an address in inclusive ranges, which are
    /// sorted and disjoint. What is too much to tell apart is passed.
    pub fn attempts_v4(ports: &[u16], from: &[(Ipv4Addr, Ipv4Addr)]) -> Program {
        let mut code = to_this_host();
        code.append(&mut only_if(&[(LOAD_BYTE, 0, 0, V4_PROTOCOL)], TCP));
        code.push((LOAD_HALF, 0, 0, V4_FRAGMENT));
        code.push((JUMP_IF_SET, 0, 1, V4_FRAGMENT_OFFSET));
        code.push((RETURN, 0, 0, DROP));
        code.push((INDEX_HEADER_LENGTH, 0, 0, 0));
        finish(code, ports, compile(&edges_v4(from), Header::First.at(V4_SOURCE)))
    }

    /// As [`Program::attempts_v4`], for IPv6.
    pub fn attempts_v6(ports: &[u16], from: &[(Ipv6Addr, Ipv6Addr)]) -> Program {
        let mut code = to_this_host();
        code.append(&mut only_if(&[(LOAD_BYTE, 0, 0, V6_NEXT_HEADER)], TCP));
        code.push((INDEX_IMMEDIATE, 0, 0, V6_HEADER));
        finish(code, ports, compile(&edges_v6(from), Header::First.at(V6_SOURCE)))
    }
}

/// Not what somebody else on the wire is sent, or what is sent from here.
fn to_this_host() -> Vec<Instruction> {
    only_if(&[(super::LOAD_WORD, 0, 0, PACKET_TYPE)], TO_THIS_HOST)
}

/// The index register points at the TCP header.
fn finish(mut code: Vec<Instruction>, ports: &[u16], source: Result<Program, TooLarge>) -> Program {
    let flags = [(LOAD_BYTE_BEHIND, 0, 0, FLAGS), (AND, 0, 0, SYN_OR_ACK)];
    code.append(&mut only_if(&flags, SYN));
    if ports.len() <= PORTS_MAX {
        code.push((LOAD_HALF_BEHIND, 0, 0, DESTINATION_PORT));
        for (at, port) in ports.iter().enumerate() {
            // Over the ports that are left, and the return behind them.
            code.push((JUMP_IF_EQUAL, (ports.len() - at) as u8, 0, (*port).into()));
        }
        code.push((RETURN, 0, 0, DROP));
    }
    match source {
        Ok(mut source) if code.len() + source.len() <= INSTRUCTIONS_MAX => {
            code.append(&mut source.0);
        }
        Ok(_) | Err(TooLarge) => code.push((RETURN, 0, 0, PASS)),
    }
    Program(code)
}

/// Goes on if what was loaded is `value`.
fn only_if(load: &[Instruction], value: u32) -> Vec<Instruction> {
    [load, &[(JUMP_IF_EQUAL, 1, 0, value), (RETURN, 0, 0, DROP)]].concat()
}
