#pragma once

#include <cstdint>
#include <optional>

#include "holler/drop_reason.hpp"
#include "holler/endpoint.hpp"
#include "holler/time.hpp"
#include "holler/trace.hpp"

namespace holler::cli {

/// How much of the story of a question is told on standard error.
enum class Telling : std::uint8_t {
  nothing,
  repeats,     ///< a line where a question is asked again
  everything,  ///< a line for every datagram
};

/// Follows the datagrams of one question after another: tells the story as it happens, and keeps what a
/// report needs, also of a question that was not answered.
class Journal {
 public:
  Journal(Telling telling, bool wants_colour) noexcept;

  /// A question begins; what was kept of the last one is forgotten.
  void begin(Timestamp now);
  void note(const TraceEvent& event);

  [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }
  /// Whom the last datagram was sent to, and from where.
  [[nodiscard]] const std::optional<Endpoint>& peer() const noexcept { return peer_; }
  [[nodiscard]] const std::optional<Endpoint>& local() const noexcept { return local_; }
  [[nodiscard]] const DropCounts& dropped() const noexcept { return dropped_; }
  /// The peer said that it is working on the question, or busy.
  [[nodiscard]] bool heard_working() const noexcept { return heard_working_; }
  [[nodiscard]] bool heard_busy() const noexcept { return heard_busy_; }
  /// The errno of the last ICMP message about the question; 0 for none.
  [[nodiscard]] int icmp_errno() const noexcept { return icmp_errno_; }

 private:
  void print(const TraceEvent& event, bool new_local);

  Telling telling_;
  bool wants_colour_;
  bool printed_heading_ = false;
  std::optional<Timestamp> origin_;
  std::uint32_t attempts_ = 0;
  std::optional<Endpoint> peer_;
  std::optional<Endpoint> local_;
  DropCounts dropped_;
  bool heard_working_ = false;
  bool heard_busy_ = false;
  bool heard_restarted_ = false;
  int icmp_errno_ = 0;
};

}  // namespace holler::cli
