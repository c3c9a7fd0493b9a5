// What agents are taught, and the guard against the usual slip (spec/13-mcp.md §init).
import { fileMark } from './edit.ts';

const verbs = `- Find the reference: \`stillvault_list\`. Never guess a path, never search files, shell history or the environment for a credential.
- A command that needs a secret: \`stillvault_run\` with \`env\` (or \`stdin\`). A value never goes into \`argv\`.
- An HTTP API: \`stillvault_http\` with \`{{ stillvault://path#field }}\` in a header, the body, or the query.
- A program that reads a file: \`stillvault_inject_file\`, and pass on the path. Do not read the file.
- Several steps: \`stillvault_request\` once for all secrets (with \`ttl_s\` for a lease), then the calls.
- Give an honest one-line \`reason\`: a person reads it before they approve.
- \`pending\`: tell your user who is asked and the match code, then \`stillvault_await\`, then the same call again.
- \`denied\`: stop. Do not retry, do not look for another way to obtain this credential. Tell your user.
- \`[masked]\` in an output is a value that was hidden. Do not try to undo it, and do not print values in other forms.
- Never ask a person to paste a secret into the conversation. What does not exist yet: \`stillvault_need\` with its purpose and where they get it; they type it on their own device, you get the reference.
- In files and scripts write references, not values: \`stillvault://prod/db-primary#password\`, used by \`stillvault run --env-file FILE -- program\`.`;

export const skill: string = `---
name: stillvault
description: Use credentials (API keys, passwords, tokens, SSH keys, database logins) without seeing them. Use it whenever a command, script or API call needs a secret, or when authentication fails for want of one.
---

<!-- Written by ${fileMark}; --undo removes it. -->

# Working with secrets through Stillvault

A named person approves each use on their own device. You work with references; values go from the daemon into the program and never into this conversation.

${verbs}
`;

/** For hosts that read one file of instructions. */
export const guide: readonly string[] = ['## Secrets: Stillvault', '', ...verbs.split('\n')];

export const cursorRule: string = `---
description: Using credentials through Stillvault without seeing them
alwaysApply: true
---

<!-- Written by ${fileMark}; --undo removes it. -->

${verbs}
`;

/** Exit code 2 refuses the tool call, and its words go to the model. Against slips, not against intent. */
export const guard: string = `#!/bin/sh
# Written by ${fileMark} claude-code; --undo removes it.
# Before Bash, Read and Grep: keeps values from being printed into the conversation by accident.
call=$(cat)
case "$call" in
  *'stillvault get '*'--reveal'*|*'stillvault '*' get '*'--reveal'*)
    echo 'This would print a secret into the conversation. Use stillvault_run, stillvault_http or stillvault_inject_file.' >&2
    exit 2 ;;
esac
case "$call" in
  *'"tool_name":"Read"'*stillvault-mcp-*|*'"tool_name": "Read"'*stillvault-mcp-*|*'"tool_name":"Grep"'*stillvault-mcp-*|*'"tool_name": "Grep"'*stillvault-mcp-*)
    echo 'This file holds a secret: pass its path to the program that needs it, do not read it.' >&2
    exit 2 ;;
esac
case "$call" in
  *'cat '*stillvault-mcp-*|*'head '*stillvault-mcp-*|*'tail '*stillvault-mcp-*|*'base64 '*stillvault-mcp-*)
    echo 'This would print a secret into the conversation: pass the path to the program that needs it.' >&2
    exit 2 ;;
esac
case "$call" in
  *'"tool_name":"Bash"'*'stillvault get '*|*'"tool_name": "Bash"'*'stillvault get '*)
    case "$call" in
      *'stillvault get '*'|'*|*'stillvault get '*'>'*) exit 0 ;;
    esac
    echo 'stillvault get would print a secret into the conversation: use stillvault_run with env or stdin.' >&2
    exit 2 ;;
esac
exit 0
`;
