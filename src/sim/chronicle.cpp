#include "sim/chronicle.hpp"

#include <algorithm>
#include <array>

#include "holler/codecs.hpp"
#include "holler/format.hpp"

namespace holler::sim {
namespace {

constexpr std::size_t kBytesKept = 256;  // holler's header and the beginning of a payload
constexpr std::size_t kTextShown = 32;

constexpr std::array<std::string_view, 13> kNames{"sent",    "lost",    "duplicated", "held back", "altered",
                                                  "arrives", "queued",  "overflow",   "nowhere",   "refused",
                                                  "used",    "dropped", "note"};

std::string_view kind_name(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::reply: return "reply";
    case ReplyKind::working: return "working";
    case ReplyKind::busy: return "busy";
    case ReplyKind::refused: return "refused";
    case ReplyKind::verify: return "verify";
    case ReplyKind::restarted: return "restarted";
    case ReplyKind::dropped: break;
  }
  return "dropped";
}

std::string hex(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4U) out[i] = "0123456789abcdef"[value & 15U];
  return out;
}

std::string quoted(Bytes bytes) {
  std::string out = "'";
  for (const char letter : text_of(bytes.first(std::min(bytes.size(), kTextShown)))) {
    out += letter >= ' ' && letter <= '~' ? letter : '.';
  }
  return out + (bytes.size() > kTextShown ? "…'" : "'");
}

/// Milliseconds with microseconds behind the point.
std::string milliseconds(Duration time) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  std::string digits = std::to_string(micros % 1000);
  digits.insert(0, 3 - std::min<std::size_t>(3, digits.size()), '0');
  return std::to_string(micros / 1000) + '.' + digits;
}

void pad(std::string& out, std::size_t start, std::size_t width) {
  if (out.size() - start < width) out.append(width - (out.size() - start), ' ');
}

}  // namespace

std::string describe_datagram(Bytes datagram, std::size_t total_bytes) {
  const Codec& codec = holler_codec();
  std::string out;
  if (const RequestView request = codec.decode_request(datagram); !request.drop && request.identified) {
    out = holler::format("request #{} attempt {} id {} done below {}, {} ms left", request.number,
                         unsigned{request.attempt}, hex(request.id), request.done_below,
                         milliseconds(request.time_left));
    if (request.life != 0) out += holler::format(", for life {}", request.life);
    if (!request.cookie.empty()) out += ", with cookie";
    out += ' ' + quoted(request.payload);
  } else if (const ReplyView reply = codec.decode_reply(datagram); reply.kind != ReplyKind::dropped) {
    out = holler::format("{} #{} attempt {} id {}, held {} ms", kind_name(reply.kind), reply.number,
                         unsigned{reply.attempt}, hex(reply.id), milliseconds(reply.hold));
    if (reply.kind == ReplyKind::working || reply.kind == ReplyKind::busy) {
      out += holler::format(", retry after {} ms", milliseconds(reply.retry_after));
    }
    if (reply.life != 0) out += holler::format(", life {} aged {} ms", reply.life, milliseconds(reply.age));
    out += ' ' + quoted(reply.payload);
  } else {
    out = quoted(datagram);
  }
  return out + holler::format(" ({} bytes)", total_bytes);
}

Chronicle::Entry& Chronicle::next_entry() {
  const std::size_t slot = static_cast<std::size_t>(recorded_++ % lines_max_);
  if (slot == ring_.size()) ring_.emplace_back();
  return ring_[slot];
}

void Chronicle::keep(Timestamp when, Happening what, const Endpoint& from, const Endpoint& to, Bytes datagram,
                     std::string_view label) {
  Entry& entry = next_entry();
  entry.when = when;
  entry.what = what;
  entry.from = from;
  entry.to = to;
  entry.label = label;
  entry.note.clear();
  entry.total_bytes = datagram.size();
  const Bytes kept = datagram.first(std::min(datagram.size(), kBytesKept));
  entry.bytes.assign(kept.begin(), kept.end());
}

void Chronicle::note(Timestamp when, std::string text) {
  if (!on()) return;
  Entry& entry = next_entry();
  entry.when = when;
  entry.what = Happening::note;
  entry.note = std::move(text);
}

void Chronicle::append_line(std::string& out, const Entry& entry) const {
  const std::string time = milliseconds(entry.when - start_);
  out.append(time.size() < 12 ? 12 - time.size() : 0, ' ');
  out += time + " ms  ";
  if (entry.what == Happening::note) {
    out += entry.note + '\n';
    return;
  }
  std::size_t column = out.size();
  out += kNames[static_cast<std::size_t>(entry.what)];
  if (!entry.label.empty()) {
    out += ' ';
    out += entry.label;
  }
  pad(out, column, 24);
  column = out.size();
  out += entry.from.to_string() + " > " + entry.to.to_string();
  pad(out, column, 36);
  out += "  " + describe_datagram(entry.bytes, entry.total_bytes) + '\n';
}

std::string Chronicle::text() const {
  if (!on()) return "(no story was kept)\n";
  std::string out;
  if (recorded_ > ring_.size())
    out += holler::format("({} earlier lines are gone)\n", recorded_ - ring_.size());
  const std::size_t oldest = ring_.size() < lines_max_ ? 0 : static_cast<std::size_t>(recorded_ % lines_max_);
  for (std::size_t i = 0; i < ring_.size(); ++i) append_line(out, ring_[(oldest + i) % ring_.size()]);
  return out;
}

}  // namespace holler::sim
