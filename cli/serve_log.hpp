#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "holler/server.hpp"
#include "holler/trace.hpp"

#include "cli/json.hpp"

namespace holler::cli {

/// What `serve` prints: a line for each request, repeat and dropped datagram, for people or as JSON.
class ServeLog {
 public:
  enum class Style : unsigned char { people, json };

  /// @param quiet  only the first line and the summary
  ServeLog(Style style, bool quiet) noexcept;

  /// The first line, which scripts wait for.
  void listening(const Endpoint& endpoint, const Json& settings, const std::string& remark) const;
  void request(const Request& request) const;
  /// Repeats, drops, and denials (busy, refused); everything else in the trace is no news.
  void note(const TraceEvent& event) const;
  void summary(const ServerStats& stats, Duration elapsed) const;

 private:
  void note_denial(const TraceEvent& event) const;
  [[nodiscard]] std::string line(std::string_view word, std::string_view colour, const Endpoint& from,
                                 std::size_t bytes, std::string_view rest) const;

  Style style_;
  bool quiet_;
  bool wants_colour_;
};

}  // namespace holler::cli
