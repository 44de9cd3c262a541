use super::{frame_from_json, message_from_json, message_to_json, value_from_json, value_to_json};
use photon_proto::{Array, Custom, Dictionary, Hashtable, Protocol, Type, Value};
use serde_json::{Value as Json, json};

/// The error of this JSON text.
fn error(text: &str) -> String {
    value_from_json(&serde_json::from_str(text).unwrap())
        .unwrap_err()
        .to_string()
}

fn read(text: &str) -> Value {
    value_from_json(&serde_json::from_str(text).unwrap()).unwrap()
}

#[test]
fn values_convert_to_exact_json_and_back() {
    let array = |array| Value::Array(array);
    for (value, text) in [
        (Value::Null, r#"{"t":"null"}"#),
        (Value::Bool(true), r#"{"t":"bool","v":true}"#),
        (Value::Byte(255), r#"{"t":"byte","v":255}"#),
        (Value::Short(-32768), r#"{"t":"short","v":-32768}"#),
        (Value::Int(-7), r#"{"t":"int","v":-7}"#),
        (
            Value::Long(i64::MIN),
            r#"{"t":"long","v":"-9223372036854775808"}"#,
        ),
        (
            Value::Float(1.5),
            r#"{"t":"float","v":"1.5","bits":"3fc00000"}"#,
        ),
        (
            Value::Float(f32::MAX),
            r#"{"t":"float","v":"3.4028235e38","bits":"7f7fffff"}"#,
        ),
        (
            Value::Float(-0.0),
            r#"{"t":"float","v":"-0","bits":"80000000"}"#,
        ),
        (
            Value::Double(f64::NEG_INFINITY),
            r#"{"t":"double","v":"-Infinity","bits":"fff0000000000000"}"#,
        ),
        (
            Value::Double(5e-324),
            r#"{"t":"double","v":"5e-324","bits":"0000000000000001"}"#,
        ),
        (Value::from("h\u{e9}\"\n"), r#"{"t":"string","v":"hé\"\n"}"#),
        (
            Value::from(vec![1_u8, 255]),
            r#"{"t":"bytes","hex":"01ff"}"#,
        ),
        (
            Value::Custom(Custom {
                code: 200,
                data: vec![9].into(),
            }),
            r#"{"t":"custom","code":200,"hex":"09"}"#,
        ),
        (
            array(Array::Object(vec![])),
            r#"{"t":"array","of":"object","v":[]}"#,
        ),
        (
            array(Array::Bytes(vec![vec![1].into()])),
            r#"{"t":"array","of":"bytes","v":[{"t":"bytes","hex":"01"}]}"#,
        ),
        (
            array(Array::Custom {
                code: 87,
                elements: vec![vec![].into()],
            }),
            r#"{"t":"array","of":"custom:87","v":[{"t":"custom","code":87,"hex":""}]}"#,
        ),
        (
            array(Array::Array(vec![
                Array::Object(vec![]),
                Array::Array(vec![Array::Int(vec![1])]),
            ])),
            r#"{"t":"array","of":"array<array<int>>","v":[{"t":"array","of":"object","v":[]},{"t":"array","of":"array<int>","v":[{"t":"array","of":"int","v":[{"t":"int","v":1}]}]}]}"#,
        ),
        (
            array(Array::Array(vec![])),
            r#"{"t":"array","of":"array<object>","v":[]}"#,
        ),
        (
            array(Array::Dictionary {
                key: Type::Byte,
                value: Type::Object,
                elements: vec![vec![]],
            }),
            r#"{"t":"array","of":"dict<byte,object>","v":[{"t":"dict","k":"byte","val":"object","v":[]}]}"#,
        ),
        (
            Value::Dictionary(Dictionary {
                key: Type::Object,
                value: Type::Custom(None),
                pairs: vec![(
                    1.into(),
                    Value::Custom(Custom {
                        code: 0,
                        data: vec![].into(),
                    }),
                )],
            }),
            r#"{"t":"dict","k":"object","val":"custom","v":[[{"t":"int","v":1},{"t":"custom","code":0,"hex":""}]]}"#,
        ),
        (
            Value::Hashtable(Hashtable(vec![("a".into(), Value::Null)])),
            r#"{"t":"hashtable","v":[[{"t":"string","v":"a"},{"t":"null"}]]}"#,
        ),
    ] {
        assert_eq!(value_to_json(&value).to_string(), text);
        assert_eq!(read(text), value, "{text}");
    }
}

#[test]
fn alternative_forms_are_accepted() {
    assert_eq!(read(r#"{"t":"long","v":-3}"#), Value::Long(-3));
    assert_eq!(read(r#"{"t":"float","v":0.1}"#), Value::Float(0.1));
    assert_eq!(read(r#"{"t":"float","v":3}"#), Value::Float(3.0));
    assert_eq!(
        read(r#"{"t":"double","v":"1.7976931348623157E+308"}"#),
        Value::Double(f64::MAX)
    );
    assert_eq!(
        read(r#"{"t":"double","v":"Infinity"}"#),
        Value::Double(f64::INFINITY)
    );
    assert_eq!(
        read(r#"{"t":"float","bits":"7fc00001"}"#),
        Value::Float(f32::from_bits(0x7FC0_0001))
    );
    assert_eq!(
        read(r#"{"t":"float","v":"nonsense","bits":"80000000"}"#),
        Value::Float(-0.0)
    );
    assert!(
        matches!(read(r#"{"t":"double","v":"NaN"}"#), Value::Double(number) if number.is_nan())
    );
    assert_eq!(
        read(r#"{"t":"array","of":"byte","v":[{"t":"byte","v":7}]}"#),
        Value::from(vec![7_u8])
    );
    assert_eq!(
        read(r#"{"t":"array","of":"array<byte>","v":[{"t":"array","of":"byte","v":[]}]}"#),
        Value::Array(Array::Bytes(vec![vec![].into()]))
    );
    assert_eq!(
        read(r#"{"t":"custom","code":27,"hex":"01","unregistered":true,"note":1}"#),
        read(r#"{"t":"custom","code":27,"hex":"01"}"#)
    );
    assert_eq!(
        read(r#"{"t":"request","op":1,"params":{"7":{"t":"null"}}}"#),
        read(r#"{"t":"request","op":1,"params":[[7,{"t":"null"}]]}"#)
    );
}

#[test]
fn errors_have_their_path_and_what_is_expected() {
    for (text, expected) in [
        ("7", "$: expected an object"),
        ("{}", "$.t: expected this key to be present"),
        (r#"{"t":"error"}"#, "$.t: expected the name of a value type"),
        (
            r#"{"t":"byte","v":256}"#,
            "$.v: expected an integer from 0 to 255",
        ),
        (
            r#"{"t":"byte","v":-1}"#,
            "$.v: expected an integer from 0 to 255",
        ),
        (
            r#"{"t":"byte","v":1.0}"#,
            "$.v: expected an integer from 0 to 255",
        ),
        (
            r#"{"t":"short","v":32768}"#,
            "$.v: expected an integer from -32768 to 32767",
        ),
        (
            r#"{"t":"int","v":"7"}"#,
            "$.v: expected an integer from -2147483648 to 2147483647",
        ),
        (
            r#"{"t":"int","v":2147483648}"#,
            "$.v: expected an integer from -2147483648 to 2147483647",
        ),
        (
            r#"{"t":"long","v":"9223372036854775808"}"#,
            "$.v: expected an integer of 64 bits, as a decimal string",
        ),
        (r#"{"t":"bool","v":1}"#, "$.v: expected true or false"),
        (
            r#"{"t":"float","v":"1e39"}"#,
            "$.v: expected a decimal number in range, NaN, Infinity or -Infinity",
        ),
        (
            r#"{"t":"float","v":"inf"}"#,
            "$.v: expected a decimal number in range, NaN, Infinity or -Infinity",
        ),
        (
            r#"{"t":"float","v":"1","bits":"3f80000"}"#,
            "$.bits: expected 8 hex digits",
        ),
        (
            r#"{"t":"float","v":"1","bits":"+f800000"}"#,
            "$.bits: expected 8 hex digits",
        ),
        (
            r#"{"t":"bytes","hex":"0"}"#,
            "$.hex: expected hex digits, two per byte",
        ),
        (r#"{"t":"string","v":null}"#, "$.v: expected a string"),
        (
            r#"{"t":"array","of":"integer","v":[]}"#,
            "$.of: expected the name of a type",
        ),
        (
            r#"{"t":"array","of":"custom","v":[]}"#,
            "$.of: expected custom:CODE, the code of all elements",
        ),
        (r#"{"t":"array","of":"int","v":{}}"#, "$.v: expected a list"),
        (
            r#"{"t":"array","of":"int","v":[{"t":"int","v":1},{"t":"byte","v":1}]}"#,
            "$.v[1]: expected an element of the array's type",
        ),
        (
            r#"{"t":"array","of":"int","v":[{"t":"null"}]}"#,
            "$.v[0]: expected an element of the array's type",
        ),
        (
            r#"{"t":"array","of":"custom:1","v":[{"t":"custom","code":2,"hex":""}]}"#,
            "$.v[0]: expected an element of the array's type",
        ),
        (
            r#"{"t":"array","of":"array<int>","v":[{"t":"array","of":"long","v":[]}]}"#,
            "$.v[0]: expected an element of the array's type",
        ),
        (
            r#"{"t":"array","of":"dict<int,int>","v":[{"t":"dict","k":"int","val":"long","v":[]}]}"#,
            "$.v[0]: expected an element of the array's type",
        ),
        (
            r#"{"t":"hashtable","v":[[{"t":"int","v":1}]]}"#,
            "$.v[0]: expected a list of two",
        ),
        (
            r#"{"t":"hashtable","v":[[{"t":"int","v":1},{"t":"byte","v":300}]]}"#,
            "$.v[0][1].v: expected an integer from 0 to 255",
        ),
        (
            r#"{"t":"dict","k":"int","v":[]}"#,
            "$.val: expected this key to be present",
        ),
        (
            r#"{"t":"event","code":1,"params":[[256,{"t":"null"}]]}"#,
            "$.params[0][0]: expected an integer from 0 to 255",
        ),
        (
            r#"{"t":"event","code":1,"params":[[1,{"t":"nil"}]]}"#,
            "$.params[0][1].t: expected the name of a value type",
        ),
        (
            r#"{"t":"event","code":1,"params":{"+1":{"t":"null"}}}"#,
            "$.params.+1: expected parameter codes from 0 to 255 as keys",
        ),
        (
            r#"{"t":"response","op":1,"ret":0,"msg":1,"params":[]}"#,
            "$.msg: expected a string or null",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |levels: usize| {
        (0..levels).fold(
            json!({"t": "null"}),
            |inner, _| json!({"t": "array", "of": "object", "v": [inner]}),
        )
    };
    assert!(value_from_json(&nested(63)).is_ok());
    let error = value_from_json(&nested(64)).unwrap_err();
    assert_eq!(error.expected, "at most 64 levels");
    assert!(value_from_json(&nested(200)).is_err());
    // The JSON parser has its own limit of depth for text.
    let hostile = r#"{"t":"array","of":"object","v":["#.repeat(100_000);
    assert!(serde_json::from_str::<Json>(&hostile).is_err());
}

#[test]
fn invalid_messages_are_rejected() {
    let error = |text: &str| {
        let json = serde_json::from_str(text).unwrap();
        message_from_json(&json, Protocol::V18)
            .unwrap_err()
            .to_string()
    };
    for (text, expected) in [
        (
            r#"{"t":"int","v":1}"#,
            "$.t: expected the name of a message type",
        ),
        (
            r#"{"t":"http_init"}"#,
            "$.t: expected a message that can be encoded; http_init is only decoded",
        ),
        (
            r#"{"t":"encrypted","inner":{"t":"encrypted"}}"#,
            "$.inner.t: expected a message that can be encrypted",
        ),
        (
            r#"{"t":"encrypted","message_type":128,"hex":""}"#,
            "$.message_type: expected an integer from 0 to 127",
        ),
        (
            r#"{"t":"encrypted","inner":{"t":"event","code":0,"params":[]},"aes_key":"00"}"#,
            "$.aes_key: expected 64 hex digits",
        ),
        (
            r#"{"t":"init","sdk_id":1,"release_flag":0,"client_version":[8,0,0,0],"app_id":""}"#,
            "$.client_version: expected a first number up to 7 and a second up to 15",
        ),
        (
            r#"{"t":"init","sdk_id":1,"release_flag":0,"client_version":[1,0,0],"app_id":""}"#,
            "$.client_version: expected a list of 4 integers from 0 to 255",
        ),
        (
            r#"{"t":"init","sdk_id":128}"#,
            "$.sdk_id: expected an integer from 0 to 127",
        ),
        (
            r#"{"t":"init","sdk_id":1,"release_flag":2}"#,
            "$.release_flag: expected 0 or 1",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    let json =
        serde_json::from_str(r#"{"t":"tcp","channel":0,"reliability":4,"message":{}}"#).unwrap();
    let error = frame_from_json(&json, Protocol::V18).unwrap_err();
    assert_eq!(
        error.to_string(),
        "$.reliability: expected an integer from 0 to 3"
    );
}

#[test]
fn messages_survive_the_round_trip() {
    for text in [
        r#"{"t":"request","op":2,"params":[[1,{"t":"string","v":"general"}]]}"#,
        r#"{"t":"internal_request","op":1,"params":[]}"#,
        r#"{"t":"response","op":230,"ret":-3,"msg":null,"params":[]}"#,
        r#"{"t":"internal_response","op":1,"ret":0,"msg":"text","params":[[1,{"t":"int","v":5}]]}"#,
        r#"{"t":"event","code":0,"params":[]}"#,
        r#"{"t":"disconnect","code":32767,"msg":"bye","params":[[1,{"t":"int","v":7}]]}"#,
        r#"{"t":"init","protocol":[1,8],"sdk_id":15,"release_flag":1,"ipv6":true,"client_version":[4,1,8,20],"app_id":"chat"}"#,
        r#"{"t":"init_response"}"#,
        r#"{"t":"init_response","trailing_value":{"t":"string","v":"ResponseObject"}}"#,
        r#"{"t":"init_response","hex":""}"#,
        r#"{"t":"value_message","v":{"t":"int","v":5}}"#,
        r#"{"t":"raw","hex":"00ff"}"#,
        r#"{"t":"encrypted","message_type":4,"cipher_len":2,"hex":"00ff"}"#,
    ] {
        let json: Json = serde_json::from_str(text).unwrap();
        let message = message_from_json(&json, Protocol::V18).unwrap();
        assert_eq!(message_to_json(&message).to_string(), text);
    }
}
