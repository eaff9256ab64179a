#include "libcoap_asking.hpp"

#include <coap3/coap.h>
#include <cstring>
#include <string_view>

#include "asking.hpp"

namespace peers {

namespace {

constexpr std::uint32_t kLookEveryMs = 20;
constexpr coap_fixed_point_t kAckTimeoutNear{1, 0};  // it ignores less than 1 s
constexpr std::size_t kRoomBytes = 64;               // for the header, the token and the options

/// Of the one asker: libcoap's call-backs have no argument for it.
Asking* asking = nullptr;

std::span<const std::byte> payload_of(const coap_pdu_t* message) {
  std::size_t size = 0;
  const std::uint8_t* data = nullptr;
  if (coap_get_data(message, &size, &data) == 0) return {};
  return std::as_bytes(std::span{data, size});
}

coap_response_t on_answer(coap_session_t*, const coap_pdu_t*, const coap_pdu_t* received, const coap_mid_t) {
  if (COAP_RESPONSE_CLASS(coap_pdu_get_code(received)) != 2)
    give_up("peer_libcoap", "not the answer but an error");
  asking->answered(payload_of(received));
  return COAP_RESPONSE_OK;
}

void on_failure(coap_session_t*, const coap_pdu_t* sent, const coap_nack_reason_t, const coap_mid_t) {
  asking->given_up(payload_of(sent));
}

/// It counts no repeats, but notes each in its log.
void on_note(coap_log_t, const char* text) {
  if (std::strstr(text, ": retransmission #") != nullptr) asking->repeated();
}

class CoapAsking {
 public:
  CoapAsking(const Options& options, const char* resource)
      : options_{options}, resource_{resource}, context_{coap_new_context(nullptr)} {
    coap_address_t to;
    coap_address_init(&to);
    to.size = sizeof to.addr.sin;
    to.addr.sin = socket_address(options);
    if (context_ != nullptr) session_ = coap_new_client_session(context_, nullptr, &to, COAP_PROTO_UDP);
    if (session_ == nullptr) give_up("coap_new_client_session", "failed");
    coap_session_set_nstart(session_, static_cast<std::uint16_t>(options.outstanding));
    if (options.mode == kCoapNear) coap_session_set_ack_timeout(session_, kAckTimeoutNear);
    coap_register_response_handler(context_, on_answer);
    coap_register_nack_handler(context_, on_failure);
    coap_set_log_handler(on_note);
    coap_set_show_pdu_output(0);  // into the log, not onto standard output
    coap_set_log_level(LOG_DEBUG);
  }

  int run() {
    Asking all{options_};
    asking = &all;
    while (!all.over()) {
      while (all.outstanding() < options_.outstanding && ask(all.next())) continue;
      if (coap_io_process(context_, kLookEveryMs) < 0) give_up("coap_io_process", "failed");
    }
    return all.report();
  }

 private:
  bool ask(std::span<const std::byte> payload) {
    if (payload.empty()) return false;
    coap_pdu_t* message = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST,
                                        coap_new_message_id(session_), payload.size() + kRoomBytes);
    std::uint8_t token[8];
    std::size_t token_bytes = 0;
    coap_session_new_token(session_, &token_bytes, token);
    const std::string_view path{resource_};
    if (message == nullptr || coap_add_token(message, token_bytes, token) == 0 ||
        coap_add_option(message, COAP_OPTION_URI_PATH, path.size(),
                        reinterpret_cast<const std::uint8_t*>(path.data())) == 0 ||
        coap_add_data(message, payload.size(), reinterpret_cast<const std::uint8_t*>(payload.data())) == 0 ||
        coap_send(session_, message) == COAP_INVALID_MID)
      give_up("coap_send", "failed");
    return true;
  }

  Options options_;
  const char* resource_;
  coap_context_t* context_;
  coap_session_t* session_ = nullptr;
};

}  // namespace

int ask_by_libcoap(const Options& options, const char* resource) {
  coap_startup();
  return CoapAsking{options, resource}.run();
}

}  // namespace peers
