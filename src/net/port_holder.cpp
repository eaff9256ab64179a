#include "net/port_holder.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <unistd.h>

#include "holler/format.hpp"

namespace holler {
namespace {

struct Entry {
  Endpoint bound;
  unsigned user = 0;
  std::uint64_t inode = 0;
};

template <class Number>
std::optional<Number> number_in(std::string_view text, int base) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `0100007F:0424`: the address as 32-bit words that were printed in this machine's byte order.
std::optional<Endpoint> bound_endpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < colon; i += 8) {
    const auto word = number_in<std::uint32_t>(text.substr(i, 8), 16);
    if (!word) return std::nullopt;
    std::memcpy(bytes.data() + i / 2, &*word, sizeof *word);
  }
  const auto port = number_in<std::uint16_t>(text.substr(colon + 1), 16);
  if (!port) return std::nullopt;
  const Address address =
      colon == 8 ? Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]) : Address::v6(bytes);
  return Endpoint{address, *port};
}

/// proc(5), /proc/net/udp: sl local rem st queues timer retransmits uid timeout inode …
std::optional<Entry> entry_in(const std::string& line) {
  std::istringstream words{line};
  std::array<std::string, 10> word;
  for (auto& each : word) words >> each;
  const auto bound = bound_endpoint(word[1]);
  const auto user = number_in<unsigned>(word[7], 10);
  const auto inode = number_in<std::uint64_t>(word[9], 10);
  if (!bound || !user || !inode) return std::nullopt;
  return Entry{*bound, *user, *inode};
}

bool collide(const Endpoint& wanted, const Endpoint& held) {
  if (wanted.port != held.port) return false;
  return wanted.address.is_wildcard() || held.address.is_wildcard() || wanted.address == held.address;
}

std::optional<Entry> find_entry(const Endpoint& wanted) {
  // The thread's own view: a thread may be in another network namespace than its process.
  for (const char* path : {"/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"}) {
    std::ifstream table{path};
    for (std::string line; std::getline(table, line);) {
      const auto entry = entry_in(line);
      if (entry && collide(wanted, entry->bound)) return entry;
    }
  }
  return std::nullopt;
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

bool holds(const std::string& process_directory, std::string_view link_wanted) {
  const std::string path = process_directory + "/fd";
  const Directory descriptors{::opendir(path.c_str())};
  if (!descriptors) return false;
  while (const dirent* entry = ::readdir(descriptors.get())) {
    std::array<char, 64> link{};
    const ssize_t size = ::readlinkat(::dirfd(descriptors.get()), entry->d_name, link.data(), link.size());
    if (size > 0 && std::string_view{link.data(), static_cast<std::size_t>(size)} == link_wanted) return true;
  }
  return false;
}

void name_process(PortHolder& holder, std::uint64_t inode) {
  const std::string link = format("socket:[{}]", inode);
  const Directory processes{::opendir("/proc")};
  if (!processes) return;
  while (const dirent* entry = ::readdir(processes.get())) {
    const auto process = number_in<int>(entry->d_name, 10);
    if (!process) continue;
    const std::string directory = format("/proc/{}", *process);
    if (!holds(directory, link)) continue;
    holder.process = *process;
    std::ifstream{directory + "/comm"} >> holder.program;
    return;
  }
}

}  // namespace

std::optional<PortHolder> find_port_holder(const Endpoint& wanted) {
  const auto entry = find_entry(wanted);
  if (!entry) return std::nullopt;
  PortHolder holder{.bound = entry->bound, .user = entry->user, .program = {}};
  name_process(holder, entry->inode);
  return holder;
}

}  // namespace holler
