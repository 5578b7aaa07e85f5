//! Kaijiang (开奖): a live meeting lottery whose draws anybody can check and whose packets are paid once.

pub mod wechat;
