#include "cli/victim_sockets.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace holler::cli {
namespace {

namespace fs = std::filesystem;

/// Descendants that are looked at: a fork bomb is no client.
constexpr std::size_t kProcessesMax = 256;

/// Whoever is looked at may end meanwhile, and its folder with it.
template <class Visit>
void for_each_entry(const std::string& folder, Visit&& visit) {
  std::error_code error;
  fs::directory_iterator entry{folder, error};
  for (; !error && entry != fs::directory_iterator{}; entry.increment(error)) visit(entry->path());
}

std::string folder_of(pid_t process, const char* name) { return "/proc/" + std::to_string(process) + name; }

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  for_each_entry(folder_of(process, "/task"), [&children](const fs::path& task) {
    std::ifstream list{task / "children"};
    for (pid_t child = 0; list >> child;) children.push_back(child);
  });
  return children;
}

std::vector<pid_t> family_of(pid_t process) {
  std::vector<pid_t> family{process};
  for (std::size_t i = 0; i < family.size() && family.size() < kProcessesMax; ++i) {
    for (const pid_t child : children_of(family[i])) family.push_back(child);
  }
  return family;
}

/// The inodes of the sockets that a process holds, as text.
void add_inodes(pid_t process, std::vector<std::string>& inodes) {
  constexpr std::string_view kPrefix = "socket:[";
  for_each_entry(folder_of(process, "/fd"), [&](const fs::path& entry) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry, gone).string();
    if (target.starts_with(kPrefix)) {
      inodes.push_back(target.substr(kPrefix.size(), target.size() - kPrefix.size() - 1));
    }
  });
}

/// `0100007F:B1AA`: 32-bit words in the byte order of this machine, in hexadecimal, and the port.
std::optional<Endpoint> parse_end(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < colon; i += 8) {
    std::uint32_t word = 0;
    std::from_chars(text.data() + i, text.data() + i + 8, word, 16);
    std::memcpy(bytes.data() + i / 2, &word, sizeof word);
  }
  std::uint16_t port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port, 16);
  const Address address =
      colon == 8 ? Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]) : Address::v6(bytes);
  return Endpoint{address, port};
}

/// The table's lines: number, local end, remote end, state, queues, timer, retransmissions, user, timeout,
/// inode (proc_net_tcp.rst of the kernel's documentation).
void add_ends(const char* table, const std::vector<std::string>& inodes, std::vector<Endpoint>& ends) {
  std::ifstream file{table};
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words{line};
    std::array<std::string, 10> columns;
    for (std::string& column : columns) words >> column;
    if (!words || std::ranges::find(inodes, columns[9]) == inodes.end()) continue;
    if (const auto end = parse_end(columns[1]); end && end->port != 0) ends.push_back(*end);
  }
}

}  // namespace

std::vector<Endpoint> udp_sockets_of(pid_t process) {
  std::vector<std::string> inodes;
  for (const pid_t member : family_of(process)) add_inodes(member, inodes);
  std::vector<Endpoint> ends;
  if (inodes.empty()) return ends;
  add_ends("/proc/net/udp", inodes, ends);
  add_ends("/proc/net/udp6", inodes, ends);
  return ends;
}

}  // namespace holler::cli
