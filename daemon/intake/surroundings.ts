// Where a process lives: container, terminal, user's name (spec/10-local-api.md §observed). Pure readings of the kernel's texts.

const containers: readonly (readonly [RegExp, string])[] = [
  [/kubepods.*?([0-9a-f]{64})/, 'kubernetes'],
  [/kubepods/, 'kubernetes'],
  [/docker[-/]([0-9a-f]{64})/, 'docker'],
  [/libpod-([0-9a-f]{64})/, 'podman'],
  [/(?:cri-containerd|crio|containerd)[-:/]([0-9a-f]{64})/, 'containerd'],
  [/lxc(?:\.payload)?[./]([A-Za-z0-9_.-]{1,64})/, 'lxc'],
  [/machine\.slice\/(?:machine-|systemd-nspawn@)([A-Za-z0-9_.-]{1,64})\.s/, 'nspawn'],
];

/** `docker 3f2a9c01b2d3`, `none`, or undefined where /proc/<pid>/cgroup cannot be read. A hint: a process in its own cgroup namespace shows none. */
export function containerOf(cgroup: string | undefined): string | undefined {
  if (cgroup === undefined) return undefined;
  for (const [pattern, kind] of containers) {
    const found = pattern.exec(cgroup);
    if (found) return found[1] === undefined ? kind : `${kind} ${found[1].slice(0, 12)}`;
  }
  return 'none';
}

/** The controlling terminal of a device number of /proc/<pid>/stat, `none` without one. */
export function terminalOf(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (device === 0) return 'none';
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  return major === 4 ? `tty${minor}` : `tty ${major}:${minor}`;
}

/** The name /etc/passwd gives a uid. Names of directory services are unknown here. */
export function userOf(uid: number, passwd: string): string | undefined {
  for (const line of passwd.split('\n')) {
    const [name, , id] = line.split(':');
    if (id === String(uid) && name !== undefined && /^[\w.-]{1,64}$/.test(name)) return name;
  }
  return undefined;
}
