#pragma once

/// All of holler's public API.
#include "holler/client.hpp"
#include "holler/codec.hpp"
#include "holler/codecs.hpp"
#include "holler/dns.hpp"
#include "holler/forged_sender.hpp"
#include "holler/impairer.hpp"
#include "holler/link.hpp"
#include "holler/local_addresses.hpp"
#include "holler/names.hpp"
#include "holler/ports.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"
#include "holler/server.hpp"
#include "holler/system.hpp"
#include "holler/udp_socket.hpp"
#include "holler/wiretap.hpp"
