#include "cli/exit_code.hpp"

namespace holler::cli {

ExitCode exit_code_for(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::no_answer: return ExitCode::no_answer;
    case ErrorCode::refused: return ExitCode::refused;
    case ErrorCode::declined:
    case ErrorCode::unknown:
    case ErrorCode::busy: return ExitCode::declined;
    case ErrorCode::cancelled: return ExitCode::interrupted;
    case ErrorCode::too_large: return ExitCode::too_large;
    case ErrorCode::invalid_argument: return ExitCode::usage;
    case ErrorCode::name_unknown:
    case ErrorCode::name_unavailable:
    case ErrorCode::address_in_use:
    case ErrorCode::address_not_local:
    case ErrorCode::permission_denied:
    case ErrorCode::unreachable:
    case ErrorCode::out_of_resources:
    case ErrorCode::unsupported:
    case ErrorCode::system: return ExitCode::local_failure;
  }
  return ExitCode::local_failure;
}

std::string exit_code_table() {
  return "Exit codes:\n"
         "    0  answered\n"
         "    1  no answer by the deadline; whether the peer is down, slow or cut off cannot be told,\n"
         "       nor whether it has done this\n"
         "    2  the command line makes no sense\n"
         "    3  refused: the peer's host says that nobody listens on that port\n"
         "    4  local failure: cannot resolve, bind, reach or write; the message says what to do\n"
         "    5  too large for a datagram; the message says the limit\n"
         "    6  the server declined: it is busy, will not do this, or was restarted and may have done it\n"
         "  130  interrupted";
}

}  // namespace holler::cli
